import { checkBoolean, checkPositive, shown } from '../common/checks.js';
import { type Duration, msOf } from '../common/duration.js';
import { quoted } from '../common/quoted.js';
import type { StoredRecord } from '../drivers/driver.js';
import { InvalidOptionsError, OnceFailedError } from '../errors.js';
import { type LockManager, unknownOption } from '../lock/index.js';
import { begun, HeldLease, type Lease, runUnder } from '../lock/lease/index.js';
import { errorText } from './run-record.js';
import { writeUnderLease } from './write-under-lease.js';

/** The space of the records of work that was done once. */
const ONCE = 'once';

/** How often a waiting call logs which replica it waits for, ms. */
const WAIT_REPORT = 10_000;

/** Work that was done is remembered for so long unless a call says otherwise, ms: ten years. Every record needs an end. */
const REMEMBERED = 10 * 365 * 24 * 60 * 60 * 1000;

/**
 * How `coordinator.once` works.
 * @publicApi
 */
export interface OnceOptions {
  /** Wait until the replica that does the work has ended; default: true. false: go on at once. */
  readonly wait?: boolean | undefined;
  /** How many failures there may be, over all replicas, before every call fails at once; default: 3. */
  readonly attempts?: number | undefined;
  /** For how long the work counts as done: ms, or text such as '90d'; default: as long as the back end remembers. */
  readonly ttl?: Duration | undefined;
}

interface OnceRecord {
  readonly state: 'started' | 'done' | 'failed';
  readonly memberId: string;
  /** Unix time of the member, ms. */
  readonly at: number;
  /** How often it has failed. */
  readonly failures: number;
  readonly error?: string;
}

const OPTIONS = ['wait', 'attempts', 'ttl'];

/** @throws InvalidOptionsError that names every wrong argument */
export function checkOnce(name: unknown, body: unknown, options: OnceOptions): void {
  const problems: string[] = [];
  if (typeof name !== 'string' || name === '')
    problems.push(`the name must be a non-empty string, got ${shown(name)}`);
  if (typeof body !== 'function') problems.push(`the body must be a function, got ${shown(body)}`);
  if (typeof options !== 'object' || options === null)
    problems.push(`its options must be an object, got ${shown(options)}`);
  else {
    const { wait, attempts, ttl } = options;
    for (const key of Object.keys(options))
      if (!OPTIONS.includes(key)) problems.push(unknownOption(key, OPTIONS));
    if (wait !== undefined) problems.push(...checkBoolean('wait', wait));
    if (attempts !== undefined && !(Number.isInteger(attempts) && attempts > 0))
      problems.push(`attempts must be a whole number above 0, got ${shown(attempts)}`);
    if (ttl !== undefined) problems.push(...checkPositive('ttl', ttl));
  }
  if (problems.length > 0) throw new InvalidOptionsError(`once: ${problems.join('; ')}`);
}

/** Does work once over all replicas: look, take the lock, look again, do it, and write that it is done. */
export class Once {
  readonly #wait: boolean;
  readonly #attempts: number;
  readonly #ttl: number;

  constructor(
    private readonly manager: LockManager,
    private readonly name: string,
    { wait = true, attempts = 3, ttl }: OnceOptions,
  ) {
    this.#wait = wait;
    this.#attempts = attempts;
    this.#ttl = ttl === undefined ? REMEMBERED : msOf(ttl);
  }

  /** @returns whether this call did it */
  async run(body: (lease: Lease) => unknown): Promise<boolean> {
    if (this.#isOver(await this.#read())) return false;
    const lease = await this.#lock();
    if (!lease) return false;
    try {
      const stored = await this.#read();
      if (this.#isOver(stored)) return false;
      await this.#runUnder(lease, stored?.failures ?? 0, body);
      return true;
    } finally {
      await lease.finish();
    }
  }

  async #runUnder(lease: HeldLease, failures: number, body: (lease: Lease) => unknown): Promise<void> {
    const label = `once ${quoted(this.name)}`;
    await this.#write(lease, { state: 'started', failures });
    this.manager.log.info(`Once ${quoted(this.name)}: it runs on this replica`);
    try {
      if (lease.lost) throw lease.lost;
      await runUnder(lease, label, () => begun(body(lease)));
      if (lease.lost) throw lease.lost;
    } catch (error) {
      await this.#writeFailure(lease, failures + 1, error);
      throw error;
    }
    await this.#write(lease, { state: 'done', failures });
    this.manager.log.info(`Once ${quoted(this.name)}: it is done`);
  }

  async #writeFailure(lease: HeldLease, failures: number, error: unknown): Promise<void> {
    // A lost lease is no fault of the body: the next replica does the work, as after a crash.
    if (lease.lost) return;
    try {
      await this.#write(lease, { state: 'failed', failures, error: errorText(error) });
    } catch (failure) {
      this.manager.log.warn(
        `Once ${quoted(this.name)}: its failure could not be stored, so this attempt is not counted: ${errorText(failure)}`,
      );
    }
  }

  /** @throws OnceFailedError when it has failed too often */
  #isOver(stored: OnceRecord | undefined): boolean {
    if (stored?.state === 'failed' && stored.failures >= this.#attempts) {
      throw new OnceFailedError(
        `Once ${quoted(this.name)}: it has failed ${stored.failures} times, at last on member ${stored.memberId}: ${stored.error ?? 'no reason given'}; mend that, and call coordinator.forget(${quoted(this.name)}) to have it tried again`,
      );
    }
    return stored?.state === 'done';
  }

  async #lock(): Promise<HeldLease | undefined> {
    const timer = this.#wait ? this.#reportsWait() : undefined;
    try {
      const acquisition = await this.manager.acquire({
        name: onceLock(this.name),
        ttl: this.manager.settings.ttl,
        fencing: true,
        fair: false,
        waitLimit: this.manager.waitLimit(this.#wait),
        label: `once ${this.name}`,
      });
      return acquisition instanceof HeldLease ? acquisition : undefined;
    } finally {
      timer?.cancel();
    }
  }

  #reportsWait(): { cancel(): void } {
    const { clock } = this.manager;
    let waited = 0;
    const report = async (): Promise<void> => {
      const stored = await this.#read().catch(() => undefined);
      const who = stored ? `member ${stored.memberId}, which is at it` : 'the replica that is at it';
      this.manager.log.info(
        `Once ${quoted(this.name)}: this replica has waited ${waited / 1000} s for ${who}`,
      );
    };
    const arm = () =>
      clock.setTimer(WAIT_REPORT, () => {
        waited += WAIT_REPORT;
        void report();
        timer = arm();
      });
    let timer = arm();
    return { cancel: () => timer.cancel() };
  }

  async #read(): Promise<OnceRecord | undefined> {
    return onceOf(await this.manager.records.get(ONCE, keyOf(this.manager, this.name)));
  }

  async #write(lease: HeldLease, state: Pick<OnceRecord, 'state' | 'failures' | 'error'>): Promise<void> {
    const { memberId, clock, records } = this.manager;
    const record: OnceRecord = { ...state, memberId, at: clock.wall() };
    // First the start, then the end: both versions are above those that an earlier lease has written.
    const version = 2 * (lease.fencingToken ?? 0) + (state.state === 'started' ? 0 : 1);
    const value = JSON.stringify(record);
    const stored = { space: ONCE, key: keyOf(this.manager, this.name), version, value };
    await writeUnderLease(lease, clock, () => records.put(stored, this.#ttl));
  }
}

/** Forgets that the work was done, or failed. @returns whether there was a record of it */
export async function forgetOnce(manager: LockManager, name: string): Promise<boolean> {
  const key = keyOf(manager, name);
  const there = await manager.records.get(ONCE, key);
  if (!there) return false;
  // Not a larger version: the next run must be able to store its own.
  await manager.records.remove(ONCE, key, there.version);
  return true;
}

/** The lock of work that is done once. */
export function onceLock(name: string): string {
  return `once:${name}`;
}

function keyOf({ settings }: LockManager, name: string): string {
  return settings.prefix + name;
}

/** Undefined for a value that no version of this package has written. */
function onceOf(stored: StoredRecord | undefined): OnceRecord | undefined {
  if (!stored) return undefined;
  try {
    const record = JSON.parse(stored.value) as OnceRecord | null;
    return typeof record?.state === 'string' ? record : undefined;
  } catch {
    // See above.
    return undefined;
  }
}
