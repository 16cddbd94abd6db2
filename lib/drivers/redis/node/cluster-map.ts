import { NodeError } from '../errors/index.js';
import type { HostAndPort } from '../options/index.js';

/** The host that a Cluster reports for a server without a name, where it is configured to use names. */
export const NAMELESS = '?';

/** A range of slots, and the servers that have them. */
export interface SlotRange {
  readonly from: number;
  readonly to: number;
  readonly master: HostAndPort;
  /** The master and its replicas. */
  readonly servers: readonly HostAndPort[];
}

/**
 * Reads the reply of CLUSTER SLOTS.
 * @param asked the server that was asked: a server that does not know its own name reports none
 * @throws NodeError when the reply is no such list, or an empty one
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

/** The same, but an empty list is allowed. */
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

/** From Redis 7 on, the reply has more about each server: names and values in turn. */
function ipOf(more: unknown): string | undefined {
  if (!Array.isArray(more)) return undefined;
  const at = more.findIndex((name, index) => index % 2 === 0 && name === 'ip');
  return at === -1 ? undefined : textOf(more[at + 1]);
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
