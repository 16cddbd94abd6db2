import type { MemberInfo } from '../../inspection/index.js';
import type { Facts } from '../source.js';
import type { EventRow } from '../wire.js';

type News = Omit<EventRow, 'id'>;

/** The changes from one poll to the next: replicas that came and went, and leaders. */
export function changesBetween(before: Facts, after: Facts): News[] {
  const known = byIncarnation(before.members);
  const now = byIncarnation(after.members);
  const { at } = after;
  const came = after.members.filter(({ incarnation }) => !known.has(incarnation));
  const went = before.members.filter(({ incarnation }) => !now.has(incarnation));
  const elected = after.members.flatMap(({ incarnation, agentId, leads }) =>
    leads
      .filter((election) => !known.get(incarnation)?.leads.includes(election))
      .map((election) => ({ election, agentId })),
  );
  return [
    ...went.map(({ agentId }) => ({
      at,
      level: 'plain' as const,
      kind: 'left',
      name: agentId,
      text: 'is no member any more',
    })),
    ...came.map(({ agentId }) => ({
      at,
      level: 'plain' as const,
      kind: 'joined',
      name: agentId,
      text: 'is a member',
    })),
    ...elected.map(({ election, agentId }) => ({
      at,
      level: 'plain' as const,
      kind: 'leader',
      name: election,
      text: `is led by ${agentId}`,
    })),
  ];
}

function byIncarnation(members: readonly MemberInfo[]): ReadonlyMap<string, MemberInfo> {
  return new Map(members.map((member) => [member.incarnation, member]));
}
