import type { CallOrigin } from '../common/call-origin.js';
import { outsideCalls } from '../common/clock.js';
import { quoted } from '../common/quoted.js';
import { BackendUnavailableError } from '../errors.js';
import { HeldLease, holderInThisContext } from '../lock/lease/index.js';
import type { LockManager } from '../lock/index.js';
import { Campaign } from './campaign.js';
import type { Leader } from './election.js';
import { LeaderBeat } from './leader-beat.js';
import { LeaderRecords } from './leader-records.js';
import { HeldLeadership } from './leadership.js';

export interface CandidacyContext {
  readonly manager: LockManager;
  /** How long work gets to end after a resignation, ms. */
  readonly stopTimeout: number;
  readonly info: (message: string) => void;
  readonly warn: (message: string) => void;
  /** `isLeader` is true. */
  readonly onElected: (leadership: HeldLeadership) => void;
  /** `isLeader` is false, and the lock may still be held. */
  readonly onDemoted: (leadership: HeldLeadership) => void;
  /** A stop waits for this ending. */
  readonly track: (ending: Promise<unknown>) => void;
}

/** The part of one replica in one election: a bystander, a candidate, or the leader. It has one place in the queue at most. */
export class Candidacy {
  readonly records: LeaderRecords;
  readonly #lock: string;
  readonly #origin: CallOrigin;
  #leadership?: HeldLeadership;
  #campaign?: Campaign<HeldLeadership>;

  constructor(
    readonly name: string,
    private readonly context: CandidacyContext,
  ) {
    const { prefix, ttl } = context.manager.settings;
    this.#lock = electionLock(name);
    this.#origin = { template: this.#lock };
    this.records = new LeaderRecords(context.manager.records, prefix + name, ttl);
  }

  /** The present term, if this replica leads. */
  get leadership(): HeldLeadership | undefined {
    return this.#leadership?.leading ? this.#leadership : undefined;
  }

  /** True while it waits to be elected. */
  get campaigns(): boolean {
    return this.#campaign?.open === true;
  }

  async leader(): Promise<Leader | undefined> {
    const there = await this.records.leader();
    // This process knows its own state better than the record does: the record is written before the flag is on, and removed after it is off.
    const { leadership } = this;
    if (leadership) return leadership.leader;
    return there?.incarnation === this.context.manager.incarnation ? undefined : there;
  }

  /** @throws the reason of the signal; what an acquisition throws; LeaseLostError when the term had ended before it began */
  async campaign(signal?: AbortSignal): Promise<HeldLeadership> {
    signal?.throwIfAborted();
    const { leadership } = this;
    if (leadership) return leadership;
    if (!this.#campaign?.open) {
      const campaign = outsideCalls(() => new Campaign((...call) => this.#run(...call)));
      this.#campaign = campaign;
      this.context.track(campaign.done);
    }
    return this.#campaign.join(signal);
  }

  /** Leaves the campaign and the leadership, each at once. */
  leave(reason: Error): void {
    this.#campaign?.cancel(reason);
    void this.leadership?.endTerm('its coordinator stops').catch(() => undefined);
  }

  async #run(signal: AbortSignal, commit: () => boolean): Promise<HeldLeadership> {
    const lease = await this.#elect(signal);
    const leader = this.#leaderOf(lease);
    const beat = this.#beatOf(leader, lease);
    // Other replicas can see the leader before any caller here learns of it.
    await beat.announce();
    if (lease.held && commit()) return this.#begin(leader, lease, beat);
    const { lost } = lease;
    await Promise.all([beat.stop(), lease.finish()]);
    throw signal.aborted ? signal.reason : lost;
  }

  async #elect(signal: AbortSignal): Promise<HeldLease> {
    const { manager } = this.context;
    const result = await manager.acquire({
      name: this.#lock,
      ttl: manager.settings.ttl,
      fencing: true,
      fair: manager.keepsOrder,
      label: `the campaign for ${quoted(this.name)}`,
      origin: this.#origin,
      waitLimit: manager.waitLimit(true, signal),
    });
    if (result instanceof HeldLease) return result;
    throw new BackendUnavailableError(
      `Election ${quoted(this.name)}: the lock of member ${manager.memberId} was not granted, though it waited without a limit; campaign again`,
    );
  }

  #leaderOf(lease: HeldLease): Leader {
    const { settings, incarnation, clock } = this.context.manager;
    const { memberId, agentId } = settings;
    // The lock was acquired with `fencing: true`.
    const term = lease.fencingToken as number;
    return { memberId, agentId, incarnation, term, since: clock.wall() };
  }

  #beatOf(leader: Leader, lease: HeldLease): LeaderBeat {
    const { clock, settings } = this.context.manager;
    return new LeaderBeat({
      election: this.name,
      leader,
      lease,
      records: this.records,
      clock,
      period: settings.heartbeat,
      warn: this.context.warn,
      onBeat: () => this.#leadership?.check(),
      onRequest: (memberId) => this.#onRequest(leader.term, memberId),
    });
  }

  #begin(leader: Leader, lease: HeldLease, beat: LeaderBeat): HeldLeadership {
    const { manager, stopTimeout, info } = this.context;
    const leadership = new HeldLeadership(leader, this.name, lease, {
      clock: manager.clock,
      stopTimeout,
      isCalledByWork: () => holderInThisContext(manager, this.#lock) !== undefined,
      onDemoted: (demoted, why) => this.#onDemoted(demoted, why),
      withdraw: () => beat.stop(),
    });
    this.#leadership = leadership;
    this.context.track(leadership.ended.then(() => beat.stop()));
    beat.start();
    info(`Election ${quoted(this.name)}: this replica leads now, term ${leader.term}`);
    this.context.onElected(leadership);
    return leadership;
  }

  #onDemoted(leadership: HeldLeadership, why: Error): void {
    if (this.#leadership === leadership) this.#leadership = undefined;
    // A lost lease is in the log already.
    if (!leadership.lost) this.context.info(why.message);
    this.context.onDemoted(leadership);
  }

  #onRequest(term: number, memberId: string): void {
    const { leadership } = this;
    if (leadership?.term !== term) return;
    // A release that was not confirmed is in the log, and the lock is free after its ttl.
    leadership.endTerm(`member ${memberId} has asked it to step down`).catch(() => undefined);
  }
}

/** The lock behind an election. */
export function electionLock(election: string): string {
  return `election:${election}`;
}
