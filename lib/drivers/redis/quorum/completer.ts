import { type Clock, type Moment, momentOf, type Timer } from '../../../common/clock.js';
import { TRUSTED_MS } from '../../driver.js';
import type { NodeSet } from './node-set.js';
import { COMPLETE, counterOf, listOf, wholeNumber } from '../scripts/index.js';
import { DRIFT, giveBack, PRECISION, type RedisNode } from '../node/index.js';
import type { Standing, StandingCompleter } from './standing.js';

/**
 * Has leases that a quorum has granted or renewed stored on more nodes, under the checks of an acquisition.
 *
 * That adds nothing to a deadline: what a node gets here is counted by the next renewal. A lease that was released, or broken, does
 * not come back by it. The node does it within a time, counted from before the quorum was asked, in which no other caller is granted
 * a lock that was broken. A release comes after it on the same connection, and is repeated where the connection broke.
 */
export class Completer implements StandingCompleter {
  readonly #nodeSet: NodeSet;
  readonly #clock: Clock;
  readonly #commandTimeout: number;
  readonly #timers = new Set<Timer>();

  constructor(nodeSet: NodeSet, clock: Clock, commandTimeout: number) {
    this.#nodeSet = nodeSet;
    this.#clock = clock;
    this.#commandTimeout = commandTimeout;
  }

  now(): Moment {
    return momentOf(this.#clock);
  }

  /** Until it is stopped. */
  later(ms: number, run: () => void): Timer {
    const timer = this.#clock.setTimer(
      ms,
      () => {
        this.#timers.delete(held);
        run();
      },
      'background',
    );
    const held: Timer = {
      cancel: () => {
        timer.cancel();
        this.#timers.delete(held);
      },
    };
    this.#timers.add(held);
    return held;
  }

  stop(): void {
    for (const timer of [...this.#timers]) timer.cancel();
  }

  /**
   * @param index of the node
   * @param ttl ms
   * @param since before the quorum was asked that has said that it has them
   * @param done told of each whether the node has it now; of none when it was not asked, or did not answer
   */
  complete(
    index: number,
    standings: readonly Standing[],
    ttl: number,
    since: Moment,
    done: (mine: readonly boolean[]) => void,
  ): void {
    const node = this.#nodeSet.nodes[index]!.at(standings[0]?.acquired.key ?? '');
    const open = standings.filter(({ over }) => !over);
    const usable = open.length > 0 && node.admissionFor(ttl) === undefined && this.#left(ttl, since) > 0;
    // Each shard of a Cluster has a clock of its own, by which nothing can be limited.
    if (!usable || node.sharded) return done([]);
    const keys = open.flatMap(({ acquired: { key } }) => [key, counterOf(key)]);
    const ids = open.flatMap(({ acquired: { id, lastToken } }) => [id, String(lastToken ?? '')]);
    node.call(
      (client) => {
        const last = node.notAfter(this.#clock.monotonic(), this.#left(ttl, since));
        // Whole: it must not be sent a second time, after a release.
        return client.eval(
          COMPLETE.text,
          keys.length + 1,
          node.recordKey(''),
          ...keys,
          node.epoch,
          last,
          Math.max(1, Math.floor(ttl)),
          ...ids,
        );
      },
      (reply, sentAt) => {
        const [status, now, ...mine] = listOf(reply, 2).map(wholeNumber);
        node.observe(now as number, sentAt);
        if (status === 3) node.record?.forget();
        done(mine.map((each) => each === 1));
      },
      (error) => {
        // It may be on its way over a connection that is no more, and behind the release then.
        if (error.sent && !error.answered) this.#followUp(node, open);
        done([]);
      },
    );
  }

  /** For how long the node may still do it, ms. */
  #left(ttl: number, { monotonic, wall }: Moment): number {
    const now = this.now();
    const passed = Math.max(now.monotonic - monotonic, now.wall - wall);
    return (1 - DRIFT) * Math.min(TRUSTED_MS, ttl) - PRECISION - passed;
  }

  #followUp(node: RedisNode, standings: readonly Standing[]): void {
    this.later(this.#commandTimeout, () => {
      for (const { over, acquired } of standings) if (over) void giveBack(node, acquired.key, acquired.id);
    });
  }
}
