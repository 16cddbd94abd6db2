import type { Clock } from '../../common/clock.js';
import { BackendUnavailableError } from '../../errors.js';
import type { Ballot } from './ballot.js';
import type { Electorate } from './electorate.js';
import { counterOf } from './keys.js';
import { wholeNumber } from './replies.js';
import { CONFIRM } from './scripts.js';
import { quoted } from '../../common/quoted.js';

/**
 * Fencing tokens that grow over all nodes, although each node counts by itself.
 *
 * The largest of a quorum's counters alone does not grow: with counters 5, 0 and 0, a lease on the first two nodes
 * gets 6, and the next one, on the last two, gets 2. So the largest is stored, while the lease is held, on a quorum of
 * the nodes that it was taken from. Two quorums share a node, the leases there follow one another, and so the later
 * one finds the token of the earlier one and counts on from it.
 */
export class FencingTokens {
  readonly #electorate: Electorate;
  readonly #clock: Clock;
  #last = 0;

  constructor(electorate: Electorate, clock: Clock) {
    this.#electorate = electorate;
    this.#clock = clock;
  }

  /**
   * What the next token should be at least, µs. The same for every node, so that their counters agree without a
   * second round trip; which value it is does not matter to the order.
   */
  hint(): number {
    return Math.max(this.#last + 1, Math.floor(this.#clock.wall() * 1000));
  }

  /**
   * The last of the tokens of a lease that a quorum has granted.
   * @throws BackendUnavailableError when no quorum could be made to agree on one
   */
  async agree(name: string, ballot: Ballot): Promise<number> {
    const { nodes, quorum } = this.#electorate;
    // Later votes are not looked at: only nodes whose counter went into the largest may confirm it.
    const votes = nodes.flatMap((node, index) => {
      const token = ballot.answers[index] === 'yes' ? ballot.tokens?.[index] : undefined;
      return token === undefined ? [] : [{ node, token }];
    });
    const token = Math.max(...votes.map((vote) => vote.token));
    const behind = votes.filter((vote) => vote.token < token).map(({ node }) => node);
    const missing = quorum - (votes.length - behind.length);
    if (missing > 0) {
      const what = `agree on a fencing token for ${quoted(name)}`;
      const agreed = (replies: readonly unknown[]): boolean =>
        replies.filter((reply) => Number(reply) === token).length >= missing;
      const replies = await this.#electorate.ask(
        what,
        ballot.key,
        (client) =>
          client.eval(CONFIRM.text, 2, ballot.key, counterOf(ballot.key), ballot.id, token).then(wholeNumber),
        agreed,
        behind,
        missing,
      );
      if (!agreed(replies)) {
        throw new BackendUnavailableError(`Redis cannot ${what}: the lease was gone before that`, {
          partial: true,
        });
      }
    }
    this.#last = Math.max(this.#last, token);
    return token;
  }
}
