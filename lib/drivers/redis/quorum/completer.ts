import { type Clock, type Moment, momentOf, type Timer } from '../../../common/clock.js';
import { TRUSTED_MS } from '../../driver.js';
import type { NodeSet } from './node-set.js';
import { COMPLETE, counterOf, listOf, wholeNumber } from '../scripts/index.js';
import { DRIFT, giveBack, PRECISION, type RedisNode } from '../node/index.js';
import type { Standing, StandingCompleter } from './standing.js';

/**
 * Stores leases that a quorum has granted or renewed on the other nodes too, under the checks of an acquisition.
 *
 * That does not move a deadline: the next renewal counts a node that gets the lease here. A lease that was released or broken does not
 * come back by it. A node runs it only within a time, counted from before the quorum was asked, in which a broken lock is granted to no
 * other caller. A release comes after it on the same connection, and is repeated if the connection breaks.
 */
export class Completer implements StandingCompleter {
  readonly #nodeSet: NodeSet;
  readonly #clock: Clock;
  readonly #commandTimeout: number;
  readonly #timers = new Set<Timer>();
  #stopped = false;

  constructor(nodeSet: NodeSet, clock: Clock, commandTimeout: number) {
    this.#nodeSet = nodeSet;
    this.#clock = clock;
    this.#commandTimeout = commandTimeout;
  }

  now(): Moment {
    return momentOf(this.#clock);
  }

  /** Runs `run` after `ms` ms, unless the completer is stopped before. */
  later(ms: number, run: () => void): Timer {
    if (this.#stopped) return { cancel: () => undefined };
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
    this.#stopped = true;
    for (const timer of [...this.#timers]) timer.cancel();
  }

  /**
   * @param index the number of the node
   * @param ttl ms
   * @param since a moment before the quorum was asked that has confirmed these leases
   * @param done gets, for each lease, whether the node has it now; an empty list when the node was not asked or did not answer
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
    // Each shard of a Cluster has a clock of its own, so no last moment can be given.
    if (!usable || node.sharded) return done([]);
    const keys = open.flatMap(({ acquired: { key } }) => [key, counterOf(key)]);
    const ids = open.flatMap(({ acquired: { id, lastToken } }) => [id, String(lastToken ?? '')]);
    let epoch = '';
    node.call(
      (client) => {
        epoch = node.epoch;
        const last = node.notAfter(this.#clock.monotonic(), this.#left(ttl, since));
        // EVAL with the whole text: EVALSHA might fail and be repeated after a release.
        return client.eval(
          COMPLETE.text,
          keys.length + 1,
          node.recordKey(''),
          ...keys,
          epoch,
          last,
          Math.max(1, Math.floor(ttl)),
          ...ids,
        );
      },
      (reply, sentAt) => {
        const [status, now, ...mine] = listOf(reply, 2).map(wholeNumber);
        node.observe(now as number, sentAt);
        if (status === 3) node.refused(epoch);
        done(mine.map((each) => each === 1));
      },
      (error) => {
        // The command may still be under way over a broken connection, and then run after the release.
        if (error.sent && !error.answered) this.#followUp(node, open);
        done([]);
      },
    );
  }

  /** How long the node may still run it, ms. */
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
