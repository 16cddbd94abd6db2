import { ExecutionError } from 'redlock';
import type { Clock, Moment } from '../../common/clock.js';
import type { AcquireReply, Asker, Grant } from '../driver.js';
import { Ballot, isBusy, type Waiter } from './ballot.js';
import type { Completer } from './completer.js';
import type { Electorate } from './electorate.js';
import type { NodeError } from './node-error.js';
import { FencingTokens } from './fencing-tokens.js';
import { SingleAttempts } from './single-attempts.js';
import { Standing } from './standing.js';
import { refusal } from './verdict.js';
import { Voter } from './voter.js';
import type { WaiterIds } from './waiter-id.js';
import { quoted } from '../../common/quoted.js';

/** Who asks for what. */
export interface Candidacy {
  readonly name: string;
  readonly key: string;
  readonly ttl: number;
  /** How many fencing tokens; 0 for none. */
  readonly tokens: number;
  readonly asker?: Asker;
}

export interface RedisGrant extends Grant {
  /** Where a node had not answered yet, and may not even have been asked. */
  ballot?: Ballot;
  /** With several nodes. */
  standing?: Standing;
}

export interface Verdict {
  readonly ballot: Ballot;
  readonly reply: AcquireReply;
}

/**
 * The Redlock algorithm for single attempts, and what its outcome means. Redlock's own retries keep partial votes
 * and its deadlines follow the wall clock, so neither is used: waiting and deadlines are the caller's.
 */
export class RedlockVoting {
  readonly #redlock: SingleAttempts;
  readonly #voters: readonly Voter[];
  readonly #electorate: Electorate;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #ids: WaiterIds;
  readonly #tokens: FencingTokens;
  /** Where there are nodes to be completed. */
  readonly #completer: Completer | undefined;

  constructor(
    electorate: Electorate,
    ids: WaiterIds,
    completer: Completer,
    clock: Clock,
    random: () => number,
  ) {
    this.#electorate = electorate;
    this.#completer = electorate.nodes.length > 1 ? completer : undefined;
    this.#clock = clock;
    this.#random = random;
    this.#ids = ids;
    this.#tokens = new FencingTokens(electorate, clock);
    this.#voters = electorate.nodes.map((node, index) => new Voter(node, index));
    this.#redlock = new SingleAttempts(this.#voters, electorate.quorum);
  }

  /**
   * One attempt on all nodes.
   *
   * Not `async`, as is nothing on the way of a lock that is free: such a function takes much memory each time.
   * @param waiter who waits, or lines up, if somebody does
   */
  acquire(candidacy: Candidacy, waiter?: Waiter): Promise<Verdict> {
    if (this.#electorate.otherList) return this.#acquireAgain(candidacy, waiter);
    const { key, ttl, tokens, asker } = candidacy;
    // The node that keeps the order of those who wait has the last word.
    const gate = waiter?.node ?? this.#electorate.queueNodeOf(key);
    const hint = tokens > 0 ? this.#tokens.hint() : undefined;
    const start = this.#completer?.now();
    const ballot = new Ballot(key, waiter?.id ?? this.#ids.next(), 'acquire', this.#voters.length, {
      hint,
      tokens,
      waiter,
      asker,
    });
    return this.#redlock.acquire([ballot], wholeMs(ttl)).then(
      () => {
        ballot.state = 'decided';
        return tokens === 0 && ballot.answers[gate] === 'yes' && this.#electorate.isSure(ballot.askedAt ?? 0)
          ? this.#granted(candidacy, ballot, start)
          : this.#confirm(candidacy, ballot, gate, start);
      },
      (error: unknown) => this.#refuse(candidacy, ballot, error),
    );
  }

  async #acquireAgain(candidacy: Candidacy, waiter?: Waiter): Promise<Verdict> {
    await this.#electorate.checkList(`take the lock "${candidacy.name}"`);
    return this.acquire(candidacy, waiter);
  }

  /** A quorum has granted it; what is missing is the word of the gate, of all nodes on their list, or the tokens. */
  async #confirm(
    candidacy: Candidacy,
    ballot: Ballot,
    gate: number,
    start: Moment | undefined,
  ): Promise<Verdict> {
    const { name, key, tokens } = candidacy;
    const atGate = ballot.answers[gate] ?? (await ballot.answerOf(gate));
    if (isBusy(atGate)) {
      // The others were free for a moment, and not for us: somebody's turn has come, or comes next.
      await this.#giveBackVotes(ballot);
      return { ballot, reply: { granted: false, remaining: atGate.pttl < 0 ? undefined : atGate.pttl } };
    }
    try {
      if (!this.#electorate.isSure(ballot.askedAt ?? 0))
        await this.#electorate.checkList(`take the lock ${quoted(name)}`);
      if (tokens === 0) return this.#granted(candidacy, ballot, start);
      return this.#granted(candidacy, ballot, start, await this.#tokens.agree(name, ballot));
    } catch (error) {
      // What cannot be freed now ends by its ttl; the caller has to know why there is no lease.
      ballot.state = 'withdrawn';
      await this.release({ name, id: ballot.id }, key).catch(() => undefined);
      throw error;
    }
  }

  /**
   * @param start before the first node was to be asked
   * @param lastToken of those that were asked for
   */
  #granted(
    { name, key, ttl, tokens }: Candidacy,
    ballot: Ballot,
    start: Moment | undefined,
    lastToken?: number,
  ): Verdict {
    const { id, departure } = ballot;
    const grant: RedisGrant =
      lastToken === undefined ? { name, id, key } : { name, id, key, fencingToken: lastToken - tokens + 1 };
    if (ballot.answers.includes(undefined)) grant.ballot = ballot;
    if (start && this.#completer) {
      const acquired = { key, id, ttl, since: departure ?? start, lastToken };
      grant.standing = new Standing(this.#completer, acquired);
      ballot.standing = grant.standing;
      for (const [node, answer] of ballot.answers.entries()) if (isBusy(answer)) grant.standing.refused(node);
    }
    const term = departure && { since: departure, ms: wholeMs(ttl) };
    return { ballot, reply: { granted: true, grant, term } };
  }

  async #refuse({ name }: Candidacy, ballot: Ballot, error: unknown): Promise<Verdict> {
    const now = this.#clock.monotonic();
    const took = now - (ballot.askedAt ?? now);
    const { nodes, quorum } = this.#electorate;
    // A holder with a quorum, or a quorum lost to failures, is certain; for anything else every vote counts.
    if (ballot.failures <= nodes.length - quorum || ballot.terms.waiter) await allVotes(error);
    this.#refuseUnlessAnswered(`take the lock ${quoted(name)}`, ballot);
    return { ballot, reply: refusal(ballot, nodes.length, quorum, took, this.#random()) };
  }

  release(grant: RedisGrant, key: string): Promise<boolean> {
    if (grant.ballot) grant.ballot.state = 'withdrawn';
    // Before the release is sent.
    grant.standing?.end();
    const ballot = new Ballot(key, grant.id, 'release', this.#voters.length);
    return this.#redlock
      .free(ballot)
      .then(confirmed, (error: unknown) =>
        this.#denied(`release the lock ${quoted(grant.name)}`, ballot, error).then((denied) => !denied),
      );
  }

  /** True when a majority says it is not ours, false when a majority did it after all; throws when neither is known. */
  async #denied(what: string, ballot: Ballot, error: unknown): Promise<boolean> {
    const { quorum } = this.#electorate;
    const denied = (): boolean => ballot.count('gone') >= quorum;
    if (denied()) return true;
    await allVotes(error);
    if (denied()) return true;
    if (ballot.count('yes') >= quorum) return false;
    throw this.#electorate.unavailable(what, failuresOf(ballot), ballot.key);
  }

  async #giveBackVotes(ballot: Ballot): Promise<void> {
    ballot.state = 'withdrawn';
    await Promise.all(this.#voters.map((voter) => voter.giveBack(ballot)));
  }

  #refuseUnlessAnswered(what: string, ballot: Ballot): void {
    const { nodes, quorum } = this.#electorate;
    if (ballot.failures > nodes.length - quorum) {
      throw this.#electorate.unavailable(what, failuresOf(ballot), ballot.key);
    }
  }
}

function confirmed(): true {
  return true;
}

/** Redlock takes whole ms only. */
function wholeMs(ttl: number): number {
  return Math.max(1, Math.floor(ttl));
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
