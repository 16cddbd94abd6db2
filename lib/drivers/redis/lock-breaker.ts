import { isShare } from '../share-id.js';
import type { Clock } from '../../common/clock.js';
import { quoted } from '../../common/quoted.js';
import type { Holder } from '../driver.js';
import { DRIFT, PRECISION, type RedisNode, type VotingNode } from './node/index.js';
import type { NodeSet } from './quorum/index.js';
import { holdersAt } from './lock-holders.js';
import { BREAK, END_SHARE, sharersOf, wholeNumber } from './scripts/index.js';

/** How often the breaker looks for the lease: the lease may be completed at another node at that very moment. */
const MOST_LOOKS = 3;

/** The nodes that have the lease, and how many other nodes have answered. */
interface Found {
  readonly having: readonly VotingNode[];
  readonly others: number;
}

/** Takes a lock away from a holder that may still be alive. */
export class LockBreaker {
  readonly #nodeSet: NodeSet;
  readonly #clock: Clock;

  constructor(nodeSet: NodeSet, clock: Clock) {
    this.#nodeSet = nodeSet;
    this.#clock = clock;
  }

  /** @returns false when the holder had already lost the lock */
  async break(holder: Holder): Promise<boolean> {
    let broken = false;
    for (let look = 1; look <= MOST_LOOKS; look += 1) {
      const { having, others } = await this.#find(holder);
      if (having.length === 0) return broken;
      const ms = await this.#breakAt(having, holder, Math.max(1, this.#nodeSet.quorum - others));
      if (ms === 0) continue;
      broken = true;
      // Then look once more: the lease may have been stored on another node meanwhile, and has to go there too.
      await this.#pause(ms);
    }
    return broken;
  }

  async #find({ name, key, id }: Holder): Promise<Found> {
    const having: VotingNode[] = [];
    const look = async (node: RedisNode, elected: VotingNode): Promise<void> => {
      if ((await holdersAt(node, key)).includes(id)) having.push(elected);
    };
    const answers = await this.#nodeSet.collect(`break the lock ${quoted(name)}`, key, look);
    return { having, others: answers.length - having.length };
  }

  /**
   * @param needed how many nodes have to answer
   * @returns how long no caller gets the lock, ms at most; 0 when the lease has gone from these nodes
   */
  async #breakAt(having: readonly VotingNode[], { name, key, id }: Holder, needed: number): Promise<number> {
    const replies = await this.#nodeSet.collect(
      `break the lock ${quoted(name)}`,
      key,
      async (node) =>
        wholeNumber(
          await (isShare(id)
            ? node.evaluate(END_SHARE, [key, sharersOf(key)], [id, ''])
            : node.evaluate(BREAK, [key], [id])),
        ),
      undefined,
      having,
      needed,
    );
    return Math.max(0, ...replies.map(Number));
  }

  /** Waits a little longer than `ms`, as the clocks of the nodes may be slower. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#clock.setTimer((1 + DRIFT) * ms + PRECISION, resolve));
  }
}
