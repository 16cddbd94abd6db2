import type { Clock } from '../../common/clock.js';
import type { Appointment, Schedule } from '../../common/schedule.js';
import type { Driver, Grant, RenewOutcome } from '../../drivers/driver.js';
import { Deadline, type HeldLease, usableTime } from '../lease/index.js';
import { Batch, Renewal, RenewalBatches, RenewalFailures, shortest } from './renewal-batches.js';
import { type Companion, Presence } from './presence.js';
import { renewEach } from './renew-each.js';
import { SHORTEST_DELAY_MS, watchDeadlines } from './watch-deadlines.js';

/** A renewal that failed is tried again after this share of the time that is left of the lease. */
const RETRY_SHARE = 1 / 4;
const SHORTEST_RETRY_MS = 20;

/** How long a lease may last before it gets a place in a batch, ms: most have ended by then. */
const YOUNG_MS = 50;

/**
 * When a grant has less than the ttl, the rest is asked for after this time, ms. Most work is over by then, and a back end that stalls
 * later costs no lease.
 */
const BRIEF_MS = 5;

export interface HeartbeatSettings {
  readonly memberId: string;
  /** Names this start of the coordinator. */
  readonly incarnation: string;
  /** Lease time of the membership, ms. */
  readonly ttl: number;
  /** Time between two renewals, ms. */
  readonly period: number;
  readonly warn: (message: string) => void;
}

/**
 * Renews every held lease and the member's own presence, and ends a lease when its deadline has come.
 *
 * One renewal per lease is under way at a time; a reply that comes back after the lease ended changes nothing. A lease
 * that waits for its next renewal is checked then, which is before its deadline. At the deadline itself only the leases are checked
 * whose renewal is under way.
 */
export class Heartbeat {
  readonly #batches: RenewalBatches;
  /** The renewals that are in no batch yet. */
  readonly #young = new Batch(Infinity, Infinity, () => undefined);
  /** The renewals of leases of which the back end has granted only a part of the ttl. */
  readonly #brief = new Batch(Infinity, Infinity, () => undefined);
  readonly #failures: RenewalFailures;
  readonly #presence: Presence;
  #youngLook?: Appointment;
  #briefLook?: Appointment;

  constructor(
    private readonly driver: Driver,
    private readonly clock: Clock,
    private readonly schedule: Schedule,
    private readonly settings: HeartbeatSettings,
  ) {
    const limits = { usualTtl: settings.ttl, most: driver.traits.renewBatch };
    this.#failures = new RenewalFailures(settings.warn);
    this.#presence = new Presence(driver, schedule, { ...settings, startedAt: clock.wall() });
    this.#batches = new RenewalBatches(clock, schedule, limits, (batch) => void this.#renew(batch));
  }

  get presence(): Pick<Presence, 'age' | 'look'> {
    return this.#presence;
  }

  /** Announces the member for the first time, and from then on once per period. */
  start(): Promise<void> {
    return this.#presence.start();
  }

  /** Calls the companion after each announcement but the first. */
  accompany(companion: Companion): void {
    this.#presence.accompany(companion);
  }

  /** Ends the announcements and removes the record of the member; no lease is left by then. Never rejects. */
  stop(): Promise<void> {
    return this.#presence.stop();
  }

  /**
   * Keeps the lease alive until `drop`.
   * @param since when it began, on the monotonic clock, ms
   * @param grantedAt when its grant began, on the same clock
   * @returns the renewal to drop; undefined where leases need no renewal
   */
  keep(lease: HeldLease, since: number, grantedAt: number): Renewal | undefined {
    if (this.driver.traits.lifetime === 'process') return undefined;
    const renewal = new Renewal(lease, since, grantedAt);
    this.#keep(renewal);
    return renewal;
  }

  #keep(renewal: Renewal): void {
    const { lease, since } = renewal;
    if (!lease.term.covers(lease.ttl)) {
      renewal.moveTo(this.#brief);
      if (!this.#briefLook) this.#briefLook = this.schedule.at(briefUntil(renewal), () => this.#renewBrief());
      return;
    }
    const delay = this.#delayBefore(lease.monotonicDeadline, lease.ttl, since);
    if (delay < 2 * YOUNG_MS) return this.#appoint([renewal], lease.ttl, delay);
    renewal.moveTo(this.#young);
    if (!this.#youngLook) this.#youngLook = this.schedule.in(YOUNG_MS, () => this.#enterYoung());
  }

  #enterYoung(): void {
    this.#youngLook = undefined;
    const now = this.clock.monotonic();
    const overdue: Batch[] = [];
    for (const renewal of this.#young.renewals) {
      const { lease, since } = renewal;
      const due = since + this.#delayBefore(lease.monotonicDeadline, lease.ttl, since);
      if (due > now) this.#appoint([renewal], lease.ttl, due - now);
      else this.#joinOne(overdue, renewal);
    }
    // These are overdue, as the process was held up.
    for (const batch of overdue) void this.#renew(batch);
  }

  /** Renews all of them as soon as the first one is due: a call for many leases costs as much as a call for one. */
  #renewBrief(): void {
    this.#briefLook = undefined;
    const { renewals } = this.#brief;
    if (renewals.length === 0) return;
    const first = renewals.reduce((soonest, renewal) => Math.min(soonest, briefUntil(renewal)), Infinity);
    if (first > this.clock.monotonic()) {
      this.#briefLook = this.schedule.at(first, () => this.#renewBrief());
      return;
    }
    const batches: Batch[] = [];
    for (const renewal of renewals) this.#joinOne(batches, renewal);
    for (const batch of batches) void this.#renew(batch);
  }

  #joinOne(batches: Batch[], renewal: Renewal): void {
    const { ttl } = renewal.lease;
    let batch = batches.find((each) => each.ttl === ttl && !each.full);
    if (!batch) {
      const made = new Batch(ttl, this.driver.traits.renewBatch, () => made.cancelLook());
      batches.push((batch = made));
    }
    renewal.moveTo(batch);
  }

  /** The lease is no longer renewed. */
  drop(renewal: Renewal): void {
    this.#failures.forget(renewal);
    renewal.leave();
  }

  #periodOf(ttl: number): number {
    const { period } = this.settings;
    return ttl === this.settings.ttl ? period : Math.min(period, ttl / 3);
  }

  /**
   * When to renew leases, ms from `then`: after the period, or sooner where the back end has granted less than their ttl or
   * was slow to answer, so that less of them is left.
   */
  #delayBefore(deadline: number, ttl: number, then = this.clock.monotonic()): number {
    const period = this.#periodOf(ttl);
    const share = Math.max(1 / 3, period / usableTime(ttl));
    return Math.min(period, share * (deadline - then));
  }

  /** Appoints the renewal of leases of that ttl, in `delay` ms at the latest. */
  #appoint(renewals: readonly Renewal[], ttl: number, delay: number): void {
    let batch: Batch | undefined;
    for (const renewal of renewals) {
      if (!batch || batch.full)
        batch = this.#batches.batchWithin(Math.max(SHORTEST_DELAY_MS, delay), ttl, this.#periodOf(ttl));
      renewal.moveTo(batch);
    }
  }

  async #renew(batch: Batch): Promise<void> {
    const renewals = batch.renewals.filter(({ lease }) => lease.held);
    if (renewals.length === 0) return;
    const deadline = Deadline.ofLease(this.clock, batch.ttl);
    for (const { lease } of renewals) lease.renewalSent();
    watchDeadlines(batch, this.clock, this.schedule);
    const leases = renewals.map(({ lease }) => lease);
    const grants = leases.map(({ grant }) => grant);
    const outcomes = await this.#ask(leases, grants, batch.ttl);
    // Leaves out leases that were released or lost meanwhile, also by a listener to another lease's event.
    const stays = (renewal: Renewal): boolean => renewal.isIn(batch);
    const renewed: Renewal[] = [];
    const failed: Renewal[] = [];
    const changed: Renewal[] = [];
    let failure: unknown;
    for (const [index, renewal] of renewals.entries()) {
      const outcome = outcomes[index]!;
      if (!stays(renewal)) continue;
      const { lease } = renewal;
      // The lock was shared while the renewal was under way, under another grant.
      if (outcome.kind === 'lost' && lease.grant !== grants[index]) changed.push(renewal);
      else if (outcome.kind === 'lost') lease.lose(outcome.loss);
      else if (outcome.kind === 'renewed') {
        lease.extend(deadline);
        renewed.push(renewal);
      } else {
        lease.renewalFailed(outcome.error);
        failed.push(renewal);
        failure ??= outcome.error;
      }
    }
    for (const renewal of renewed) this.#failures.forget(renewal);
    this.#appoint(renewed.filter(stays), batch.ttl, this.#delayBefore(deadline.monotonic, batch.ttl));
    this.#appoint(changed.filter(stays), batch.ttl, SHORTEST_RETRY_MS);
    this.#failures.tell(failed.filter(stays), failure);
    this.#retry(failed.filter(stays), batch.ttl);
  }

  async #ask(
    leases: readonly HeldLease[],
    grants: readonly Grant[],
    ttl: number,
  ): Promise<readonly RenewOutcome[]> {
    try {
      return await renewEach(this.driver.locks, leases, grants, ttl);
    } catch (error) {
      const failed: RenewOutcome = { kind: 'failed', error: error as Error };
      return grants.map(() => failed);
    }
  }

  /** A lease with too little time for that stays in its batch, and is watched until its deadline. */
  #retry(failed: readonly Renewal[], ttl: number): void {
    const inTime = failed.filter(({ lease }) => lease.remaining() > SHORTEST_RETRY_MS);
    this.#appoint(inTime, ttl, Math.max(SHORTEST_RETRY_MS, shortest(inTime) * RETRY_SHARE));
  }
}

/** When a lease that has only a part of its ttl is renewed, on the monotonic clock, ms. */
function briefUntil({ grantedAt }: Renewal): number {
  return grantedAt + BRIEF_MS;
}
