import { isShare } from '../../share-id.js';
import type { Clock } from '../../../common/clock.js';
import { BackendUnavailableError } from '../../../errors.js';
import type { Votes } from './votes.js';
import type { NodeSet } from './node-set.js';
import { CONFIRM, CONFIRM_SHARE, counterOf, sharersOf, wholeNumber } from '../scripts/index.js';
import { quoted } from '../../../common/quoted.js';

/**
 * Fencing tokens that grow over all nodes, although each node counts by itself.
 *
 * The largest of a quorum's counters alone does not grow: with counters 5, 0 and 0, a lease on the first two nodes
 * gets 6, and the next one, on the last two, gets 2. So the largest is stored, while the lease is held, on a quorum of
 * the nodes that it was taken from. Two quorums share a node, the leases there follow one another, and so the later
 * one finds the token of the earlier one and counts on from it.
 */
export class FencingTokens {
  readonly #nodeSet: NodeSet;
  readonly #clock: Clock;
  #last = 0;

  constructor(nodeSet: NodeSet, clock: Clock) {
    this.#nodeSet = nodeSet;
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
  async agree(name: string, votes: Votes): Promise<number> {
    const { nodes, quorum } = this.#nodeSet;
    // Later votes are not looked at: only nodes whose counter went into the largest may confirm it.
    const tokens = nodes.flatMap((node, index) => {
      const token = votes.answers[index] === 'yes' ? votes.tokenOf(index) : undefined;
      return token === undefined ? [] : [{ node, token }];
    });
    const token = Math.max(...tokens.map((each) => each.token));
    const behind = tokens.filter((each) => each.token < token).map(({ node }) => node);
    const missing = quorum - (tokens.length - behind.length);
    if (missing > 0) {
      const what = `agree on a fencing token for ${quoted(name)}`;
      const agreed = (replies: readonly unknown[]): boolean =>
        replies.filter((reply) => Number(reply) === token).length >= missing;
      const share = isShare(votes.id);
      const keys = [votes.key, counterOf(votes.key), ...(share ? [sharersOf(votes.key)] : [])];
      const script = share ? CONFIRM_SHARE : CONFIRM;
      const replies = await this.#nodeSet.collect(
        what,
        votes.key,
        async (node) => wholeNumber(await node.evaluate(script, keys, [votes.id, String(token)])),
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
