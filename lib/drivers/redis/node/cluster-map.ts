import { NodeError } from '../errors/index.js';
import type { HostAndPort } from '../options/index.js';

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
  const ranges = Array.isArray(reply) ? reply.flatMap((range: unknown) => rangeOf(range, asked)) : [];
  if (ranges.length > 0) return ranges;
  throw new NodeError(
    'the cluster has no slots yet: give its servers all of them (redis-cli --cluster create)',
    {
      answered: true,
    },
  );
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
  const [host, port] = node as unknown[];
  const name = typeof host === 'string' && host !== '' && host !== '?' ? host : asked?.host;
  return name === undefined ? [] : [{ host: name, port: Number(port) }];
}
