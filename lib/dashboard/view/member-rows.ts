import type { MemberInfo } from '../../inspection/index.js';
import type { Listed, MemberRow } from '../wire.js';
import type { ViewContext } from './context.js';

const SHOWN = 100;

export function memberRows(members: readonly MemberInfo[], context: ViewContext): Listed<MemberRow> {
  const { at, ttl, search } = context;
  const matching = members.filter(({ agentId, leads }) =>
    [agentId, ...leads].some((text) => text.toLowerCase().includes(search)),
  );
  const rows = matching.map((member): MemberRow => {
    const { agentId, incarnation, here, leads, startedAt, held, waiting } = member;
    const seenAgo = Math.max(0, at - member.lastSeen.getTime());
    return {
      agentId,
      incarnation,
      here,
      leads,
      process: processOf(member),
      upFor: startedAt && Math.max(0, at - startedAt.getTime()),
      held,
      waiting,
      seenAgo,
      // Its leases have ended by then, unless the back end could not be reached.
      level: seenAgo > ttl ? 'watch' : 'plain',
    };
  });
  const silentFirst = rows.sort(
    (one, other) =>
      rank(one) - rank(other) || one.agentId.localeCompare(other.agentId, 'en', { numeric: true }),
  );
  return { total: members.length, matching: matching.length, rows: silentFirst.slice(0, SHOWN) };
}

function rank({ level }: MemberRow): number {
  return level === 'plain' ? 1 : 0;
}

function processOf({ host, pid, version }: MemberInfo): string {
  const texts = [host, pid === undefined ? undefined : `pid ${pid}`, version && `v${version}`];
  return texts.filter((text) => text !== undefined).join(', ');
}
