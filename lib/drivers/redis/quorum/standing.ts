import type { Moment, Timer } from '../../../common/clock.js';

/**
 * The first pause before a node is asked again, ms; doubles. Long enough for the release that is on its way to that node, and
 * for most work: a lease that has ended by then costs nothing.
 */
const FIRST_PAUSE = 25;

/** What of an acquisition has to be known to complete it. */
export interface Acquired {
  readonly key: string;
  readonly id: string;
  /** ms */
  readonly ttl: number;
  /** Before the first node was asked for it. */
  readonly since: Moment;
  /** The last of its fencing tokens. */
  readonly lastToken: number | undefined;
}

/** What asks the nodes once more. */
export interface StandingCompleter {
  /** Runs `run` in so many ms, unless the driver stops before. */
  later(ms: number, run: () => void): Timer;
  /**
   * Stores acquisitions on one more node.
   * @param node its number
   * @param since before a quorum was asked for them
   * @param done told of each whether the node has it now; of none when it was not asked, or did not answer
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
 * One acquisition on several nodes, from its grant to its release, for all leases that are handed on under it.
 *
 * A quorum grants a lock, and the others may have refused it: a waiter can be faster at a node than the release of the one before.
 * Such a lease ends with the next node that fails. So the others are asked again, soon after the grant, and with each renewal.
 */
export class Standing {
  /** It has been released: nothing may be asked for it any more. */
  over = false;
  readonly #completer: StandingCompleter;
  /** By their numbers; made when there is one. */
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
