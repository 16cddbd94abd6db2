import { NodeError } from '../errors/index.js';
import type { HostAndPort } from '../options/index.js';

/** What is told for the host of a server that has no name, where servers are called by their names. */
export const NAMELESS = '?';

/** Slots that belong together, and the servers that have them. */
export interface SlotRange {
  readonly from: number;
  readonly to: number;
  readonly master: HostAndPort;
  /** The master and its replicas. */
  readonly servers: readonly HostAndPort[];
}

/**
 * What CLUSTER SLOTS tells.
 * @param asked the server that was asked: one that does not know its own name gives none
 * @throws NodeError when that is no such list, or an empty one
 * https://redis.io/docs/latest/commands/cluster-slots/
 */
export function slotRanges(reply: unknown, asked: HostAndPort | undefined): readonly SlotRange[] {
  const ranges = rangesIn(reply, asked);
  if (ranges.length > 0) return ranges;
  throw new NodeError(
    'the cluster has no slots yet: give its servers all of them (redis-cli --cluster create)',
    {
      answered: true,
    },
  );
}

/** The same, for who takes an empty list, too. */
export function rangesIn(reply: unknown, asked: HostAndPort | undefined): readonly SlotRange[] {
  return Array.isArray(reply) ? reply.flatMap((range: unknown) => rangeOf(range, asked)) : [];
}

function rangeOf(range: unknown, asked: HostAndPort | undefined): SlotRange[] {
  if (!Array.isArray(range)) return [];
  const [from, to, ...nodes] = range as unknown[];
  const servers = nodes.flatMap((node) => addressOf(node, asked));
  const [master] = servers;
  return master ? [{ from: Number(from), to: Number(to), master, servers }] : [];
}

function addressOf(node: unknown, asked: HostAndPort | undefined): HostAndPort[] {
  if (!Array.isArray(node)) return [];
  const [host, port, , more] = node as unknown[];
  const name = (host === NAMELESS ? ipOf(more) : textOf(host)) ?? asked?.host;
  return name === undefined ? [] : [{ host: name, port: Number(port) }];
}

/** From Redis 7 on, more is told of a server: names and values in turn. */
function ipOf(more: unknown): string | undefined {
  if (!Array.isArray(more)) return undefined;
  const at = more.findIndex((name, index) => index % 2 === 0 && name === 'ip');
  return at === -1 ? undefined : textOf(more[at + 1]);
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
