import { isIP } from 'node:net';
import type { RedisClient } from '../connection/index.js';
import { NodeError } from '../errors/index.js';
import type { HostAndPort } from '../options/index.js';
import { SLOTS } from '../scripts/index.js';
import { NAMELESS } from './cluster-map.js';
import { Exchange, type Rank } from './exchange.js';

/** How often one command may be redirected: a slot that moves costs one or two redirections. */
const MOST_HOPS = 5;

/** Where a server of a Cluster redirects a command to. */
export interface Redirection {
  readonly slot: number;
  readonly address: HostAndPort;
  /** The slot is still moving: the redirection is for this command alone. */
  readonly asking: boolean;
}

/**
 * @param from the server that has answered
 * @param known the known servers of the Cluster
 * @returns undefined when the error is not a redirection
 * https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#redirection-and-resharding
 */
export function redirectionOf(
  { message }: NodeError,
  from: HostAndPort | undefined,
  known: readonly HostAndPort[] = [],
): Redirection | undefined {
  const [, kind, digits, told = '', digitsOfPort] = /^(MOVED|ASK) (\d+) (.*):(\d+)$/.exec(message) ?? [];
  const slot = Number(digits);
  if (kind === undefined || slot >= SLOTS) return undefined;
  const port = Number(digitsOfPort);
  const named = told === NAMELESS ? namelessAt(port, from, known) : told;
  // A server leaves the host out when it is the one that was asked.
  return { slot, address: { host: named || (from?.host ?? ''), port }, asking: kind === 'ASK' };
}

/** The host of a server without a name, if only one known server can be meant. Such servers are known by their IP addresses. */
function namelessAt(
  port: number,
  from: HostAndPort | undefined,
  known: readonly HostAndPort[],
): string | undefined {
  const others = known.filter((each) => each.port !== from?.port || each.host !== from.host);
  const hosts = new Set(
    others.filter((each) => each.port === port && isIP(each.host) > 0).map(({ host }) => host),
  );
  return hosts.size === 1 ? [...hosts][0] : undefined;
}

/** The same command for the other server; an error when it was redirected too often. */
export function sentOn(exchange: Exchange, { asking }: Redirection): Exchange | NodeError {
  const hops = exchange instanceof Redirected ? exchange.hops : 0;
  if (hops === MOST_HOPS) return new NodeError('its slot of the Cluster moves too often', { sent: false });
  return new Redirected(exchange, hops + 1, asking);
}

/** A redirected command. Its caller counts the time from the first sending. */
class Redirected extends Exchange {
  constructor(
    private readonly exchange: Exchange,
    readonly hops: number,
    private readonly asking: boolean,
  ) {
    super();
  }

  get rank(): Rank {
    return this.exchange.rank;
  }

  override get unwanted(): NodeError | undefined {
    return this.exchange.unwanted;
  }

  send(client: RedisClient): Promise<unknown> {
    if (!this.asking) return this.exchange.send(client);
    // Send both together: ASKING applies to the command right after it.
    return Promise.all([client.asking(), this.exchange.send(client)]).then(([, reply]) => reply);
  }

  onReply(reply: unknown): void {
    this.exchange.onReply(reply);
  }

  onError(error: NodeError): void {
    this.exchange.onError(error);
  }
}
