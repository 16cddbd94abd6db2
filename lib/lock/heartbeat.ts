import type { Clock } from '../common/clock.js';
import type { Appointment, Schedule } from '../common/schedule.js';
import type { Driver } from '../drivers/driver.js';
import { Deadline } from './deadline.js';
import type { HeldLease } from './lease.js';

/** A renewal that failed is tried again after this share of what is left of the lease. */
const RETRY_SHARE = 1 / 4;
const SHORTEST_RETRY_MS = 20;

interface Beat {
  /** The next renewal. */
  renewal: Appointment;
  /** Looks at the lease when its deadline has come. */
  deadline: Appointment;
  /** The last renewal failed, and a warning said so. */
  failing: boolean;
}

export interface HeartbeatSettings {
  readonly memberId: string;
  /** Lease time of the membership, ms. */
  readonly ttl: number;
  /** Time between two renewals, ms. */
  readonly period: number;
  readonly warn: (message: string) => void;
}

/**
 * Renews every held lease and the member's own presence, and ends a lease when its deadline has come.
 *
 * One renewal per lease is under way at a time; a reply that comes back after the lease ended changes nothing.
 */
export class Heartbeat {
  readonly #beats = new Map<HeldLease, Beat>();
  #presence?: Appointment;
  #announcing: Promise<void> = Promise.resolve();

  constructor(
    private readonly driver: Driver,
    private readonly clock: Clock,
    private readonly schedule: Schedule,
    private readonly settings: HeartbeatSettings,
  ) {}

  /** Announces the member for the first time, and from then on once per period. */
  async start(): Promise<void> {
    await this.driver.announce(this.settings.memberId, this.settings.ttl);
    this.#presence = this.schedule.in(this.settings.period, () => this.#announce());
  }

  /** Renews nothing any more, and takes the presence back; never rejects. */
  async stop(): Promise<void> {
    this.#presence?.cancel();
    this.#presence = undefined;
    for (const lease of [...this.#beats.keys()]) this.drop(lease);
    await this.#announcing;
    try {
      await this.driver.withdraw(this.settings.memberId);
    } catch (error) {
      this.settings.warn(
        `The presence of member ${this.settings.memberId} was not withdrawn, it ends by its ttl of ${this.settings.ttl} ms: ${messageOf(error)}`,
      );
    }
  }

  /** Keeps the lease alive until `drop`. */
  keep(lease: HeldLease): void {
    if (!this.driver.leasesExpire) return;
    this.#beats.set(lease, {
      renewal: this.schedule.in(this.#periodOf(lease), () => void this.#renew(lease)),
      deadline: this.#watchDeadline(lease),
      failing: false,
    });
  }

  drop(lease: HeldLease): void {
    const beat = this.#beats.get(lease);
    if (!beat) return;
    this.#beats.delete(lease);
    // In this order both leave the schedule at once, when nothing was appointed since.
    beat.deadline.cancel();
    beat.renewal.cancel();
  }

  #periodOf(lease: HeldLease): number {
    const { ttl, period } = this.settings;
    return lease.ttl === ttl ? period : Math.min(period, lease.ttl / 3);
  }

  #watchDeadline(lease: HeldLease): Appointment {
    return this.schedule.at(lease.monotonicDeadline, () => {
      lease.check();
      const beat = this.#beats.get(lease);
      if (beat) beat.deadline = this.#watchDeadline(lease);
    });
  }

  async #renew(lease: HeldLease): Promise<void> {
    const beat = this.#beats.get(lease);
    if (!beat || !lease.held) return;
    const deadline = Deadline.ofLease(this.clock, lease.ttl);
    let next: number;
    lease.renewalSent();
    try {
      const [outcome] = await this.driver.renew([lease.grant], lease.ttl);
      if (outcome?.kind === 'lost') return lease.lose(outcome.loss);
      if (outcome?.kind === 'failed') throw outcome.error;
      lease.extend(deadline);
      next = this.#periodOf(lease);
      beat.failing = false;
    } catch (error) {
      lease.renewalFailed(error);
      if (!lease.held) return;
      const left = Math.round(lease.remaining());
      if (!beat.failing) {
        beat.failing = true;
        this.settings.warn(
          `Lock "${lease.name}": renewal failed, ${left} ms left to repeat it: ${messageOf(error)}`,
        );
      }
      next = Math.max(SHORTEST_RETRY_MS, left * RETRY_SHARE);
    }
    // Released or lost meanwhile, also by whoever was told of the failure.
    if (this.#beats.get(lease) !== beat) return;
    beat.deadline.cancel();
    beat.deadline = this.#watchDeadline(lease);
    beat.renewal = this.schedule.in(next, () => void this.#renew(lease));
  }

  #announce(): void {
    this.#announcing = this.driver.announce(this.settings.memberId, this.settings.ttl).then(
      () => undefined,
      // The driver reports the back end as down by itself; the next beat announces again.
      () => undefined,
    );
    void this.#announcing.then(() => {
      if (this.#presence) this.#presence = this.schedule.in(this.settings.period, () => this.#announce());
    });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
