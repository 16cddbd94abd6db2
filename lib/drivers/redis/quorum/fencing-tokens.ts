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
 * The largest of a quorum's counters alone does not grow. With counters 5, 0 and 0, a lease on the first two nodes gets 6, and the
 * next one, on the last two, gets 2. So while the lease is held, the largest token is stored on a quorum of the nodes that granted it.
 * Two quorums share a node, and leases on one node follow one another. So the later lease finds the token of the earlier one there, and
 * counts on from it.
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
   * The least value of the next token, µs. All nodes get the same hint, so that their counters agree without a second round trip. Its
   * value does not matter to the order.
   */
  hint(): number {
    return Math.max(this.#last + 1, Math.floor(this.#clock.wall() * 1000));
  }

  /**
   * The last of the tokens of a lease that a quorum has granted.
   * @throws BackendUnavailableError when no quorum agrees on one
   */
  async agree(name: string, votes: Votes): Promise<number> {
    const { nodes, quorum } = this.#nodeSet;
    // Later votes do not count: only nodes whose counter went into the largest one may confirm it.
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
