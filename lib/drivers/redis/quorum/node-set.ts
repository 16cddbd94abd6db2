import type { Clock, Moment } from '../../../common/clock.js';
import { BackendUnavailableError } from '../../../errors.js';
import { cleanError, explain, type NodeError } from '../errors/index.js';
import { NEVER, type RedisNode, type VotingNode } from '../node/index.js';

/** All nodes, and the size of a quorum of them. */
export class NodeSet {
  readonly nodes: readonly VotingNode[];
  readonly quorum: number;
  readonly #clock: Clock;
  #sureUntil = NEVER;

  constructor(nodes: readonly VotingNode[], clock: Clock) {
    this.nodes = nodes;
    this.#clock = clock;
    this.quorum = Math.floor(nodes.length / 2) + 1;
  }

  get usable(): boolean {
    return this.nodes.filter((node) => node.up).length >= this.quorum;
  }

  /**
   * The number of the node whose queue the waiters of a lock use: the first usable one. So all processes agree as long as they see the
   * same nodes; -1 when there is none. A waiter in the queue of another node only loses the order.
   */
  queueNodeOf(key: string): number {
    const sure = this.#first(key, undefined);
    return sure === -1 ? this.#first(key, 'sync') : sure;
  }

  #first(key: string, refusal: RedisNode['admission']): number {
    return this.nodes.findIndex((each) => {
      const node = each.at(key);
      return node.up && node.admission === refusal;
    });
  }

  /**
   * Connects to every node. Resolves when all have succeeded or failed: a quorum is not enough, as the last node to answer may belong to
   * another list of nodes. Only when no node does are the nodes told that they belong to our list, so that a wrong list claims no node.
   *
   * @param tells false: the nodes are told nothing
   * @returns the failures, by the number of the node
   */
  async start(tells = true): Promise<Map<number, NodeError>> {
    const failures = new Map<number, NodeError>();
    const starts = await Promise.allSettled(this.nodes.map((node) => node.start()));
    for (const [index, start] of starts.entries())
      if (start.status === 'rejected') failures.set(index, cleanError(start.reason));
    if (tells && !this.otherList && this.usable)
      await Promise.all(this.nodes.map((node) => node.beginToSync()));
    for (const [index, { otherList }] of this.nodes.entries()) if (otherList) failures.set(index, otherList);
    return failures;
  }

  /** Whether a node is known to belong to another list of nodes. The quorum of the other nodes may be one of that list too. */
  get otherList(): boolean {
    for (const { otherList } of this.nodes) if (otherList) return true;
    return false;
  }

  /**
   * Whether no node could belong to another list of nodes at that time, on the monotonic clock, ms. A node belongs to a list for two
   * longest ttls after a client with that list was there. A lease that was asked for within the first of them is over before the node is
   * given away. So the quorums of two lists with a common node are never both valid, even if neither contains that node, as long as it can
   * be reached. It checks the wall clock too: after the machine has slept, the monotonic clock may not show it.
   */
  isSure(at: number): boolean {
    const wall = this.#clock.wall();
    if (isBefore(at, wall, this.#sureUntil)) return true;
    const listed = this.nodes.filter(({ record }) => record);
    const up = listed.filter((node) => node.up);
    const single = this.nodes.length === 1;
    // All nodes went down since the lock was granted.
    if (!single && listed.length > 0 && up.length === 0) return false;
    const sure = single ? [] : up.map(({ record }) => record?.listIsSureUntil ?? NEVER);
    this.#sureUntil = {
      monotonic: Math.min(...sure.map(({ monotonic }) => monotonic)),
      wall: Math.min(...sure.map((until) => until.wall)),
    };
    return isBefore(at, wall, this.#sureUntil);
  }

  /** Asks all nodes for their list. @throws BackendUnavailableError when a node belongs to another list of nodes */
  async checkList(what: string): Promise<void> {
    await this.sync();
    this.#sureUntil = NEVER;
    if (!this.otherList) return;
    const failures = this.nodes.flatMap(({ otherList }, index) =>
      otherList ? [[index, otherList] as const] : [],
    );
    throw this.unavailable(what, new Map(failures));
  }

  /**
   * Asks every node, or some of them: in a Cluster, the server that has the key.
   *
   * @param needed how many nodes have to answer; default: a quorum
   * @returns the replies, as soon as `enough` is true for them, or else when every node has answered
   * @throws BackendUnavailableError when fewer nodes than needed could answer
   */
  collect(
    what: string,
    key: string,
    question: (node: RedisNode, elected: VotingNode) => Promise<unknown>,
    enough: (replies: readonly unknown[]) => boolean = () => false,
    nodes: readonly VotingNode[] = this.nodes,
    needed = this.quorum,
  ): Promise<readonly unknown[]> {
    return new Promise((resolve, reject) => {
      const replies: unknown[] = [];
      const failures = new Map<number, NodeError>();
      const look = (): void => {
        if (enough(replies)) resolve(replies);
        else if (replies.length + failures.size === nodes.length) {
          if (replies.length >= needed) resolve(replies);
          else reject(this.unavailable(what, failures, key));
        }
      };
      for (const node of nodes) {
        question(node.at(key), node)
          .then(
            (reply) => replies.push(reply),
            (error: unknown) => failures.set(this.nodes.indexOf(node), cleanError(error)),
          )
          .finally(look);
      }
    });
  }

  /** Reads the record of every node again; resolves when all have answered or failed. */
  async sync(): Promise<void> {
    // Each caller that wants a lock of a node learns what is wrong with it.
    await Promise.all(
      this.nodes.map((node) => new Promise<void>((resolve) => node.sync(resolve, () => resolve()))),
    );
  }

  /**
   * @param failures the errors of the nodes, by their number
   * @param key for a Cluster: the key of the server that failed
   */
  unavailable(what: string, failures: ReadonlyMap<number, NodeError>, key?: string): BackendUnavailableError {
    const nameOf = (node: VotingNode): string => (key === undefined ? node : node.at(key)).name;
    const list = [...failures].map(([index, error]) => `${nameOf(this.nodes[index]!)}: ${explain(error)}`);
    const some = this.nodes.length === 1 ? '' : ` on ${failures.size} of ${this.nodes.length} nodes`;
    const [cause] = failures.values();
    return new BackendUnavailableError(`Redis cannot ${what}${some}: ${list.join('; ')}`, {
      cause,
      partial: failures.size < this.nodes.length,
      refused: [...failures.values()].some(({ told }) => told),
      endsIn: this.#endsIn([...failures.values()]),
    });
  }

  /** In how many ms enough of these failures are over that a quorum is left, where that is known. */
  #endsIn(failures: readonly NodeError[]): number | undefined {
    const excess = failures.length - (this.nodes.length - this.quorum);
    const ends = failures.map(({ endsIn = Infinity }) => endsIn).toSorted((a, b) => a - b);
    const end = ends[excess - 1];
    return end === Infinity ? undefined : end;
  }
}

function isBefore(monotonic: number, wall: number, until: Moment): boolean {
  return monotonic < until.monotonic && wall < until.wall;
}
