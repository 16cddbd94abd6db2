import { hostname } from 'node:os';
import { quoted } from '../../common/quoted.js';
import type { Appointment, Schedule } from '../../common/schedule.js';
import type { Driver, StoredRecord } from '../../drivers/driver.js';
import { VERSION } from '../../common/version.js';
import { BackendUnavailableError } from '../../errors.js';

/** The space of the records that say which members are alive. */
export const MEMBERS = 'members';

export interface PresenceSettings {
  readonly memberId: string;
  /** Names this start of the coordinator. */
  readonly incarnation: string;
  /** Lease time of the membership, ms. */
  readonly ttl: number;
  /** Time between two announcements, ms. */
  readonly period: number;
  /** Unix time in ms. */
  readonly startedAt: number;
  readonly warn: (message: string) => void;
}

/** Goes with the announcements of a member. Neither method rejects. */
export interface Companion {
  /** Called after each announcement but the first, whether it succeeded or not; not while the last call is under way. Ends in bounded time. */
  onBeat(): Promise<void>;
  /** The member has left. */
  onStop(): Promise<void>;
}

/**
 * The record by which other members see that this one is alive.
 *
 * Its value names this start of the coordinator, and its version counts how often the record had to be taken from
 * another process with the same member id. An announcement that changes nothing only makes the record last longer.
 */
export class Presence {
  readonly #value: string;
  #version = 1;
  /** Whether the record was ours at an earlier announcement. */
  #announced = false;
  #toldTwin = false;
  /** When the last confirmed announcement was sent, on the monotonic clock, ms. */
  #confirmed = -Infinity;
  #next?: Appointment;
  #announcing: Promise<void> = Promise.resolve();
  #companion?: Companion;
  /** The companion's call at a heartbeat, while it is under way. */
  #accompanied?: Promise<void> | undefined;

  constructor(
    private readonly driver: Driver,
    private readonly schedule: Schedule,
    private readonly settings: PresenceSettings,
  ) {
    const { incarnation, ttl, startedAt } = settings;
    const about = {
      pid: process.pid,
      host: hostname(),
      version: VERSION,
      startedAt: Math.round(startedAt),
      ttl,
    };
    this.#value = JSON.stringify({ incarnation, ...about });
  }

  /** Announces the member for the first time, and from then on once per period. */
  async start(): Promise<void> {
    try {
      await this.#announce();
    } catch (error) {
      // Only the part of the back end that has the record is away: a later announcement may find it.
      if (!(error instanceof BackendUnavailableError && error.partial)) throw error;
    }
    this.#next = this.schedule.in(this.settings.period, () => this.#beat());
  }

  accompany(companion: Companion): void {
    this.#companion = companion;
  }

  /** How long ago the last confirmed announcement was sent, ms. */
  get age(): number {
    return this.schedule.now - this.#confirmed;
  }

  /** Asks the back end for the record. @throws BackendUnavailableError */
  async look(): Promise<void> {
    await this.driver.records.get(MEMBERS, this.settings.memberId);
  }

  /** Removes the record. Never rejects. */
  async stop(): Promise<void> {
    this.#next?.cancel();
    this.#next = undefined;
    await this.#announcing;
    await this.#accompanied;
    await this.#tellCompanion((companion) => companion.onStop());
    const { memberId, ttl, warn } = this.settings;
    try {
      await this.driver.records.remove(MEMBERS, memberId, this.#version);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      warn(`The presence of member ${memberId} was not withdrawn, it ends by its ttl of ${ttl} ms: ${why}`);
    }
  }

  async #announce(): Promise<void> {
    const there = await this.#put();
    if (there.value === this.#value) {
      this.#announced = true;
      return;
    }
    // Not at the first announcement: a process that was killed a moment ago has left its record.
    if (this.#announced) this.#warnOfTwin();
    this.#version = there.version + 1;
    this.#announced = (await this.#put()).value === this.#value;
  }

  async #put(): Promise<StoredRecord> {
    const sent = this.schedule.now;
    const { memberId, ttl } = this.settings;
    const record = { space: MEMBERS, key: memberId, version: this.#version, value: this.#value };
    const stored = await this.driver.records.put(record, ttl);
    this.#confirmed = sent;
    return stored;
  }

  #warnOfTwin(): void {
    if (this.#toldTwin) return;
    this.#toldTwin = true;
    const { memberId, warn } = this.settings;
    warn(
      `Member ${quoted(memberId)} is announced by another process too: give every process an agentId (COORDINATION_AGENT_ID) of its own`,
    );
  }

  /** Logs what the companion throws: the heartbeat neither waits for it nor ends with it. */
  async #tellCompanion(tell: (companion: Companion) => Promise<void>): Promise<void> {
    try {
      if (this.#companion) await tell(this.#companion);
    } catch (error) {
      const { memberId, warn } = this.settings;
      warn(`Other members do not see what member ${memberId} holds: ${String(error)}`);
    }
  }

  async #announceAgain(): Promise<void> {
    try {
      await this.#announce();
    } catch {
      // The driver reports the back end as down by itself; the next beat announces again.
      return;
    }
  }

  #beat(): void {
    this.#announcing = this.#announceAgain();
    void this.#announcing.then(() => {
      this.#accompanied ??= this.#tellCompanion((companion) => companion.onBeat()).finally(() => {
        this.#accompanied = undefined;
      });
      if (this.#next) this.#next = this.schedule.in(this.settings.period, () => this.#beat());
    });
  }
}
