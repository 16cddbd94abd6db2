import type { Clock, Timer } from '../../common/clock.js';
import { BackendUnavailableError } from '../../errors.js';
import type { RedisClient } from './clients.js';
import { explain } from './explain.js';
import { cleanError, type NodeError } from './node-error.js';
import type { RedisNode } from './redis-node.js';

/** All nodes, and what a majority of them is. */
export class Electorate {
  readonly nodes: readonly RedisNode[];
  readonly quorum: number;

  constructor(nodes: readonly RedisNode[]) {
    this.nodes = nodes;
    this.quorum = Math.floor(nodes.length / 2) + 1;
  }

  get usable(): boolean {
    return this.nodes.filter((node) => node.up).length >= this.quorum;
  }

  /**
   * The number of the node in whose queue to wait: the first that can be used, so that all processes agree as long as they
   * see the same; -1 when there is none. Who waits in another one only loses the order.
   */
  get queueNode(): number {
    const sure = this.nodes.findIndex((node) => node.up && node.refusal === undefined);
    return sure === -1 ? this.nodes.findIndex((node) => node.up && node.refusal === 'enrol') : sure;
  }

  /**
   * Connects to every node: resolves when all have succeeded or failed, and no later than `grace` ms after a quorum
   * has succeeded. A node that is merely slow so has its vote from the first lock on, and a dead one delays little.
   *
   * @returns what went wrong so far, by the number of the node
   */
  start(clock: Clock, grace: number, onSettled: (node: RedisNode) => void): Promise<Map<number, NodeError>> {
    return new Promise((resolve) => {
      const failures = new Map<number, NodeError>();
      let ready = 0;
      let patience: Timer | undefined;
      const look = (): void => {
        if (ready + failures.size === this.nodes.length) {
          patience?.cancel();
          resolve(failures);
        } else if (ready >= this.quorum) patience ??= clock.setTimer(grace, () => resolve(failures));
      };
      for (const [index, node] of this.nodes.entries()) {
        node
          .start()
          .then(
            () => (ready += 1),
            (error: unknown) => failures.set(index, cleanError(error)),
          )
          .finally(() => {
            look();
            onSettled(node);
          });
      }
    });
  }

  /**
   * Sends one command to every node, or to some.
   *
   * @param needed how many have to answer; a quorum
   * @returns the replies, as soon as `enough` says so, or else when every node has answered
   * @throws BackendUnavailableError when fewer than needed could answer
   */
  ask(
    what: string,
    command: (client: RedisClient, node: RedisNode) => Promise<unknown>,
    enough: (replies: readonly unknown[]) => boolean = () => false,
    nodes: readonly RedisNode[] = this.nodes,
    needed = this.quorum,
  ): Promise<readonly unknown[]> {
    return new Promise((resolve, reject) => {
      const replies: unknown[] = [];
      const failures = new Map<number, NodeError>();
      const look = (): void => {
        if (enough(replies)) resolve(replies);
        else if (replies.length + failures.size === nodes.length) {
          if (replies.length >= needed) resolve(replies);
          else reject(this.unavailable(what, failures));
        }
      };
      for (const node of nodes) {
        node
          .send((client) => command(client, node))
          .then(
            (reply) => replies.push(reply),
            (error: unknown) => failures.set(this.nodes.indexOf(node), cleanError(error)),
          )
          .finally(look);
      }
    });
  }

  /** Reads the record of every node again; resolves when all have answered, whatever they say. */
  async enrol(): Promise<void> {
    // What is wrong with a node is told to whoever wants a lock of it.
    await Promise.all(
      this.nodes.map((node) => new Promise<void>((resolve) => node.enrol(resolve, () => resolve()))),
    );
  }

  /** @param failures what the nodes said, by their number */
  unavailable(what: string, failures: ReadonlyMap<number, NodeError>): BackendUnavailableError {
    const list = [...failures].map(([index, error]) => `${this.nodes[index]?.name}: ${explain(error)}`);
    const some = this.nodes.length === 1 ? '' : ` on ${failures.size} of ${this.nodes.length} nodes`;
    const [cause] = failures.values();
    return new BackendUnavailableError(`Redis cannot ${what}${some}: ${list.join('; ')}`, {
      cause,
      partial: failures.size < this.nodes.length,
      endsIn: this.#endsIn([...failures.values()]),
    });
  }

  /** When so many of these failures will have passed that a quorum is left, ms, where that is known. */
  #endsIn(failures: readonly NodeError[]): number | undefined {
    const excess = failures.length - (this.nodes.length - this.quorum);
    const ends = failures.map(({ endsIn = Infinity }) => endsIn).toSorted((a, b) => a - b);
    const end = ends[excess - 1];
    return end === Infinity ? undefined : end;
  }
}
