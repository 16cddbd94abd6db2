import type { Votes, Busy } from './votes.js';

/** A waiter looks at least this often by itself, ms: clients in other languages publish nothing. */
const LONGEST_WAIT = 1000;

/** The shortest window from which the loser of a split vote draws its next try, ms. */
const SHORTEST_JITTER = 5;

/**
 * The same, ms, where a node that does not answer may have given another caller a quorum. The vote may then not be split at all, and
 * stays so until that lease ends.
 */
const SHORTEST_JITTER_IN_DOUBT = 50;

export interface QuorumRefusal {
  readonly granted: false;
  readonly retryAfter: number;
  readonly remaining?: number;
}

/**
 * When to look again after a failed acquisition. Waiting makes sense only for a holder that may have a quorum. After a split vote no
 * caller holds the lock and no message will come. So the losers try again after a random time, from a window of some round trips: long
 * enough that one of them is alone in it.
 *
 * @param took how long the attempt took, ms
 * @param random a number in [0, 1)
 */
export function refusal(
  votes: Votes,
  nodes: number,
  quorum: number,
  took: number,
  random: number,
): QuorumRefusal {
  const { busy } = votes;
  const leader = busy.reduce<Busy[]>((best, { holder }) => {
    const mine = busy.filter((each) => each.holder === holder);
    return mine.length > best.length ? mine : best;
  }, []);
  const silent = nodes - busy.length - votes.count('yes');
  // A vote for us on a working node speaks against a holder that needs a silent node for its quorum.
  const needsSilence = leader.length < quorum;
  const split = leader.length + silent < quorum || (needsSilence && votes.count('yes') > 0);
  if (split) {
    const doubt = leader.length > 0 && leader.length + silent >= quorum;
    const shortest = doubt ? SHORTEST_JITTER_IN_DOUBT : SHORTEST_JITTER;
    return { granted: false, retryAfter: 1 + random * Math.max(shortest, 4 * took) };
  }
  const longest = Math.max(...leader.map(({ pttl }) => pttl));
  if (longest < 0) return { granted: false, retryAfter: LONGEST_WAIT };
  return { granted: false, retryAfter: Math.min(LONGEST_WAIT, longest + 1), remaining: longest };
}
