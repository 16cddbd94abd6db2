import type { Moment, Timer } from '../../../common/clock.js';

/**
 * The first pause before a node is asked again, ms; it doubles. It is long enough for a release that is on its way to that node, and for
 * most work: a lease that has ended by then costs nothing.
 */
const FIRST_PAUSE = 25;

/** What has to be known of an acquisition to complete it. */
export interface Acquired {
  readonly key: string;
  readonly id: string;
  /** ms */
  readonly ttl: number;
  /** A moment before the first node was asked for it. */
  readonly since: Moment;
  /** The last of its fencing tokens. */
  readonly lastToken: number | undefined;
}

/** Asks nodes once more; see `Completer`. */
export interface StandingCompleter {
  /** Runs `run` after `ms` ms, unless the driver stops before. */
  later(ms: number, run: () => void): Timer;
  /**
   * Stores acquisitions on one more node.
   * @param node the number of the node
   * @param since a moment before a quorum was asked for them
   * @param done gets, for each lease, whether the node has it now; an empty list when the node was not asked or did not answer
   */
  complete(
    node: number,
    standings: readonly Standing[],
    ttl: number,
    since: Moment,
    done: (mine: readonly boolean[]) => void,
  ): void;
}

/**
 * One acquisition on several nodes, from its grant to its release, including all leases that are handed on under it.
 *
 * A quorum has granted the lock, but the other nodes may have refused it: at a node, a waiter can be faster than the release of the lease
 * before. Such a lease is lost with the next node that fails. So the other nodes are asked again, soon after the grant and with each
 * renewal.
 */
export class Standing {
  /** The lease was released: no node may be asked for it any more. */
  over = false;
  readonly #completer: StandingCompleter;
  /** The numbers of the nodes that lack the lease; made when there is one. */
  #lacking?: Set<number>;
  #pause = FIRST_PAUSE;
  #timer?: Timer;

  constructor(
    completer: StandingCompleter,
    readonly acquired: Acquired,
  ) {
    this.#completer = completer;
  }

  /** Another holder has the key on that node. */
  refused(node: number): void {
    if (this.over) return;
    this.#lacking ??= new Set();
    this.#lacking.add(node);
    this.#timer ??= this.#completer.later(this.#pause, () => this.#askAgain());
  }

  end(): void {
    this.over = true;
    this.#timer?.cancel();
  }

  #askAgain(): void {
    this.#timer = undefined;
    this.#pause *= 2;
    const { ttl, since } = this.acquired;
    const refused = [...(this.#lacking ?? [])];
    this.#lacking = undefined;
    for (const node of refused)
      this.#completer.complete(node, [this], ttl, since, ([mine]) => {
        if (mine === false) this.refused(node);
      });
  }
}
