import type { Leftover } from '../checker/leftovers.js';
import type { ClockShims } from '../../support/clock-shim.js';
import { foreignFaults } from './foreign-faults.js';
import { linkFaults } from './link-faults.js';
import { nodeFaults } from './node-faults.js';
import { Node, type RedisNodes } from './redis-nodes.js';
import type { Actions } from './scene.js';
import type { Stage } from './stage.js';

export interface RedisStageTerms {
  readonly nodes: number;
  readonly workers: number;
  /** The longest lease, ms, and so how long a node that forgot grants nothing. */
  readonly maxTtl: number;
  readonly clocks?: ClockShims;
}

/** Redis servers behind proxies; one more than have a vote, for those who count other nodes. */
export class RedisStage implements Stage, RedisNodes {
  readonly actions: Actions;

  private constructor(
    readonly voting: readonly Node[],
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
    return this.voting.length;
  }

  get maxTtl(): number {
    return this.terms.maxTtl;
  }

  urlOf(place: number): string {
    return this.#url(this.voting.map(({ links }) => links[place]?.port ?? 0));
  }

  /** As if one node had been replaced in the configuration of one replica. */
  urlOfOtherList(replaced: number): string {
    const nodes = this.voting.map((node, index) => (index === replaced ? this.spare : node));
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
    for (const { links } of this.voting) for (const link of links) link.heal();
    return Promise.resolve();
  }

  /** To set a clock right that ran fast or slow is a step. */
  settle(): void {
    for (const { clock } of this.voting) clock?.set(0);
  }

  async leftovers(): Promise<Leftover[]> {
    const found = await Promise.all(this.voting.map((node) => this.#keysOf(node)));
    return found.flat();
  }

  async stop(): Promise<void> {
    await Promise.all([...this.voting, this.spare].map((node) => node.stop()));
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
