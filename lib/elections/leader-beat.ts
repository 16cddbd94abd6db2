import type { Clock, Timer } from '../common/clock.js';
import { quoted } from '../common/quoted.js';
import type { Watch } from '../drivers/driver.js';
import type { HeldLease } from '../lock/lease/index.js';
import type { Leader } from './election.js';
import type { LeaderRecords } from './leader-records.js';

export interface LeaderBeatContext {
  readonly election: string;
  readonly leader: Leader;
  readonly lease: HeldLease;
  readonly records: LeaderRecords;
  readonly clock: Clock;
  /** Time between two looks, ms. */
  readonly period: number;
  readonly warn: (message: string) => void;
  /** Called with each look at the record. */
  readonly onBeat: () => void;
  /** A member has asked for the end of this term. */
  readonly onRequest: (memberId: string) => void;
}

/**
 * Keeps the record of one leader, and sees requests that it steps down.
 *
 * The lock decides who leads: the leader still leads when its record cannot be written. But the record of another leader in
 * its place shows that the back end has forgotten the lock, as after a failover of Redis.
 */
export class LeaderBeat {
  #written = false;
  #warned = false;
  #timer?: Timer;
  #watch?: Watch;
  /** The looks under way; nothing is written after the record was taken back. */
  #looking: Promise<void> = Promise.resolve();
  #over = false;

  constructor(private readonly context: LeaderBeatContext) {}

  /** Writes the record for the first time. Never rejects. */
  announce(): Promise<void> {
    return this.#then(() => this.#write());
  }

  /** Writes it once per period from then on, and looks for requests. */
  start(): void {
    this.#watch = this.context.records.watchRequests(() => void this.#then(() => this.#lookForRequest()));
    this.#appoint();
  }

  /** Takes the record back; repeatable. Never rejects. */
  async stop(): Promise<void> {
    if (this.#over) return this.#looking;
    this.#over = true;
    this.#timer?.cancel();
    this.#watch?.[Symbol.dispose]();
    const { records, leader } = this.context;
    // A record that stays ends by its ttl, and the one of the next leader takes its place.
    this.#looking = this.#looking.then(() => records.remove(leader.term)).catch(() => undefined);
    return this.#looking;
  }

  #appoint(): void {
    const { clock, period, onBeat } = this.context;
    this.#timer = clock.setTimer(
      period,
      () => {
        onBeat();
        void this.#then(() => this.#beat()).then(() => {
          if (!this.#over) this.#appoint();
        });
      },
      'background',
    );
  }

  async #beat(): Promise<void> {
    await this.#write();
    await this.#lookForRequest();
  }

  #then(step: () => Promise<void>): Promise<void> {
    this.#looking = this.#looking.then(() => (this.#over ? undefined : step()));
    return this.#looking;
  }

  async #write(): Promise<void> {
    const { records, leader } = this.context;
    try {
      const there = await records.put(leader);
      this.#warned = false;
      if (there?.incarnation === leader.incarnation && there.term === leader.term) this.#written = true;
      else if (there) this.#onOther(there);
    } catch (error) {
      this.#warn(`the record that says who leads was not written: ${messageOf(error)}`);
    }
  }

  /** A larger term that was there from the start proves nothing: it may date from before the back end lost its counter. */
  #onOther(other: Leader): void {
    const { lease, leader } = this.context;
    if (this.#written || other.term === leader.term) {
      const message = `member ${other.memberId} leads term ${other.term} by now`;
      lease.lose({ reason: 'taken-over', message });
    } else this.#warn(`the record names ${other.memberId}, the leader of term ${other.term}`);
  }

  async #lookForRequest(): Promise<void> {
    const { records, leader, onRequest } = this.context;
    let from: string | undefined;
    try {
      from = await records.requestOf(leader.term);
    } catch {
      // The driver reports the back end as down by itself; the next beat looks again.
      return;
    }
    if (from !== undefined && !this.#over) onRequest(from);
  }

  /** Once for each outage. */
  #warn(why: string): void {
    if (this.#warned) return;
    this.#warned = true;
    const { election, leader, warn } = this.context;
    warn(
      `Election ${quoted(election)}: member ${leader.memberId} leads term ${leader.term}, as its lock says, but other replicas may not see it: ${why}`,
    );
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
