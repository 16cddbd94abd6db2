import type { Redis } from 'ioredis';
import type { Leftover } from '../checker/leftovers.js';
import type { ClockShims, ShimmedClock } from '../../support/clock-shim.js';
import { RedisServer } from '../../support/redis-server.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { foreignFaults } from './foreign-faults.js';
import { linkFaults } from './link-faults.js';
import { nodeFaults } from './node-faults.js';
import type { Actions } from './scene.js';
import type { Stage } from './stage.js';

export interface RedisStageTerms {
  readonly nodes: number;
  readonly workers: number;
  /** The longest lease, ms, and so how long a node that forgot grants nothing. */
  readonly maxTtl: number;
  readonly clocks?: ClockShims;
}

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

/** Redis servers behind proxies; one more than have a vote, for those who count other nodes. */
export class RedisStage implements Stage {
  readonly actions: Actions;

  private constructor(
    readonly nodeVotes: readonly Node[],
    readonly spare: Node,
    private readonly terms: RedisStageTerms,
  ) {
    this.actions = { ...nodeFaults(this), ...linkFaults(this), ...foreignFaults(this) };
  }

  static async start(terms: RedisStageTerms): Promise<RedisStage> {
    const names = [...Array.from({ length: terms.nodes }, (_, index) => `node ${index + 1}`), 'spare node'];
    const nodes = await Promise.all(names.map((name) => Node.start(name, terms.workers, terms.clocks)));
    return new RedisStage(nodes.slice(0, -1), nodes.at(-1)!, terms);
  }

  get nodes(): number {
    return this.nodeVotes.length;
  }

  get maxTtl(): number {
    return this.terms.maxTtl;
  }

  urlOf(place: number): string {
    return this.#url(this.nodeVotes.map(({ links }) => links[place]?.port ?? 0));
  }

  /** As if one node had been replaced in the configuration of one replica. */
  urlOfOtherList(replaced: number): string {
    const nodes = this.nodeVotes.map((node, index) => (index === replaced ? this.spare : node));
    return this.#url(
      nodes.map(({ server }) => server.port),
      'other',
    );
  }

  /** The proxies' ports differ from worker to worker, so the list of nodes goes by a name. */
  #url(ports: readonly number[], nodeList = 'faults'): string {
    const hosts = ports.map((port) => `127.0.0.1:${port}`).join(',');
    return `redis://${hosts}?nodeList=${nodeList}&maxTtl=${this.terms.maxTtl}`;
  }

  heal(): Promise<void> {
    for (const { links } of this.nodeVotes) for (const link of links) link.heal();
    return Promise.resolve();
  }

  /** To set a clock right that ran fast or slow is a step. */
  settle(): void {
    for (const { clock } of this.nodeVotes) clock?.set(0);
  }

  async leftovers(): Promise<Leftover[]> {
    const found = await Promise.all(this.nodeVotes.map((node) => this.#keysOf(node)));
    return found.flat();
  }

  async stop(): Promise<void> {
    await Promise.all([...this.nodeVotes, this.spare].map((node) => node.stop()));
  }

  async #keysOf({ name, admin }: Node): Promise<Leftover[]> {
    const keys = await admin.keys('*');
    const ttls = await Promise.all(keys.map((key) => admin.pttl(key)));
    return keys.flatMap((key, index) => {
      const ttl = ttls[index] ?? -1;
      // -2: it has gone meanwhile.
      return ttl === -2 ? [] : [{ what: `key on ${name}`, name: key, ttl: ttl < 0 ? undefined : ttl }];
    });
  }
}
