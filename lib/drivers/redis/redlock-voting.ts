import Redlock, { ExecutionError } from 'redlock';
import type { Clock } from '../../common/clock.js';
import type { AcquireReply, Grant } from '../driver.js';
import { Ballot } from './ballot.js';
import type { Electorate } from './electorate.js';
import type { NodeError } from './node-error.js';
import { FencingTokens } from './fencing-tokens.js';
import { ACQUIRE, RELEASE } from './scripts.js';
import { StandIn } from './stand-in.js';
import { refusal } from './verdict.js';

/**
 * The Redlock algorithm for single attempts, and what its outcome means. Redlock's own retries keep partial votes
 * and its deadlines follow the wall clock, so neither is used: waiting and deadlines are the caller's.
 */
export class RedlockVoting {
  readonly #redlock: Redlock<Ballot>;
  readonly #electorate: Electorate;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #tokens: FencingTokens;

  constructor(
    electorate: Electorate,
    channelOf: (key: string) => string,
    clock: Clock,
    random: () => number,
  ) {
    this.#electorate = electorate;
    this.#clock = clock;
    this.#random = random;
    this.#tokens = new FencingTokens(electorate, clock);
    this.#redlock = new Redlock(
      electorate.nodes.map((node, index) => new StandIn(node, index, channelOf)),
      { retryCount: 0 },
      {
        acquireScript: () => ACQUIRE.text,
        releaseScript: () => RELEASE.text,
      },
    );
  }

  async acquire(name: string, key: string, ttl: number, fencing: boolean): Promise<AcquireReply> {
    const { nodes, quorum } = this.#electorate;
    const ballot = new Ballot(key, 'acquire', fencing ? this.#tokens.hint() : undefined);
    const start = this.#clock.monotonic();
    try {
      await this.#redlock.acquire([ballot], wholeMs(ttl));
      ballot.over = true;
    } catch (error) {
      const took = this.#clock.monotonic() - start;
      // A holder with a quorum, or a quorum lost to failures, is certain; for anything else every vote counts.
      if (ballot.failures <= nodes.length - quorum) await allVotes(error);
      this.#refuseUnlessAnswered(`take the lock "${name}"`, ballot);
      return refusal(ballot, nodes.length, quorum, took, this.#random());
    }
    const grant = { name, id: ballot.id };
    if (!fencing) return { granted: true, grant };
    try {
      return { granted: true, grant: { ...grant, fencingToken: await this.#tokens.agree(name, ballot) } };
    } catch (error) {
      // What cannot be freed now ends by its ttl; the caller has to know why there is no lease.
      await this.release(grant, key).catch(() => undefined);
      throw error;
    }
  }

  async release(grant: Grant, key: string): Promise<boolean> {
    const ballot = new Ballot(key, 'release');
    try {
      await this.#redlock.release(held(ballot, grant));
      return true;
    } catch (error) {
      return !(await this.#denied(`release the lock "${grant.name}"`, ballot, error));
    }
  }

  /** True when a majority says it is not ours, false when a majority did it after all; throws when neither is known. */
  async #denied(what: string, ballot: Ballot, error: unknown): Promise<boolean> {
    const { quorum } = this.#electorate;
    const denied = (): boolean => ballot.count('gone') >= quorum;
    if (denied()) return true;
    await allVotes(error);
    if (denied()) return true;
    if (ballot.count('yes') >= quorum) return false;
    throw this.#electorate.unavailable(what, failuresOf(ballot));
  }

  #refuseUnlessAnswered(what: string, ballot: Ballot): void {
    const { nodes, quorum } = this.#electorate;
    if (ballot.failures > nodes.length - quorum) {
      throw this.#electorate.unavailable(what, failuresOf(ballot));
    }
  }
}

/** Redlock takes whole ms only. */
function wholeMs(ttl: number): number {
  return Math.max(1, Math.floor(ttl));
}

/** A lease in Redlock's form. Whether it is over is the caller's to know, on a better clock than Redlock's. */
function held(ballot: Ballot, grant: Grant): { resources: Ballot[]; value: string; expiration: number } {
  return { resources: [ballot], value: grant.id, expiration: Number.POSITIVE_INFINITY };
}

/** Redlock settles at a majority; this waits for the rest, which is bounded by the nodes' command time-outs. */
async function allVotes(thrown: unknown): Promise<void> {
  if (!(thrown instanceof ExecutionError)) throw thrown;
  await Promise.all(thrown.attempts);
}

function failuresOf(ballot: Ballot): Map<number, NodeError> {
  const failures = new Map<number, NodeError>();
  for (const [index, answer] of ballot.answers.entries()) {
    if (answer instanceof Error) failures.set(index, answer);
  }
  return failures;
}
