import type { Redis } from 'ioredis';
import type { ClockShims, ShimmedClock } from '../../support/clock-shim.js';
import { RedisServer } from '../../support/redis-server.js';
import { TcpProxy } from '../../support/tcp-proxy.js';

/** A command to a node may take so long, ms: longer than any fault, so that ours come through in the end. */
const ADMIN_TIMEOUT = 10_000;

/** One Redis server, with a proxy between it and each worker. */
export class Node {
  /** By the place of the worker. */
  readonly links: readonly TcpProxy[];
  /** A fault that two of cannot happen to a node at once is under way. */
  busy = false;

  private constructor(
    readonly name: string,
    readonly server: RedisServer,
    links: readonly TcpProxy[],
    readonly clock: ShimmedClock | undefined,
    readonly admin: Redis,
  ) {
    this.links = links;
  }

  static async start(name: string, workers: number, clocks: ClockShims | undefined): Promise<Node> {
    const clock = await clocks?.create();
    const server = await RedisServer.start({ env: clock?.env });
    const links = await Promise.all(Array.from({ length: workers }, () => TcpProxy.start(server.port)));
    const admin = server.client({
      retryStrategy: () => 50,
      maxRetriesPerRequest: null,
      commandTimeout: ADMIN_TIMEOUT,
    });
    return new Node(name, server, links, clock, admin);
  }

  async stop(): Promise<void> {
    await Promise.all(this.links.map((link) => link.stop()));
    await this.server.stop();
  }
}

/** The nodes that faults happen to. */
export interface RedisNodes {
  /** Those with a vote. */
  readonly voting: readonly Node[];
  /** How many have a vote. */
  readonly nodes: number;
  /** The longest lease, ms. */
  readonly maxTtl: number;
  /** @param replaced the number of the node in whose place another one is listed */
  urlOfOtherList(replaced: number): string;
}
