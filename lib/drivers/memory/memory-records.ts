import type { Clock } from '../../common/clock.js';
import type { NewRecord, RecordStore, StoredRecord, Watch } from '../driver.js';
import { isNewer } from '../records.js';

interface Stored {
  readonly record: NewRecord;
  /** On the monotonic clock, ms. */
  readonly until: number;
}

/** The records of one memory space, which its drivers share. */
export class MemoryRecordSpaces {
  readonly #spaces = new Map<string, Map<string, Stored>>();
  readonly #watchers = new Map<string, Set<() => void>>();

  /** The records of a space at that time. It removes the expired ones. */
  of(space: string, now: number): Map<string, Stored> {
    const stored = this.#spaces.get(space) ?? new Map<string, Stored>();
    for (const [key, { until }] of stored) if (until <= now) stored.delete(key);
    if (stored.size === 0) this.#spaces.delete(space);
    return stored;
  }

  set(stored: Stored, now: number): void {
    const { space, key } = stored.record;
    this.#spaces.set(space, this.of(space, now).set(key, stored));
    this.#tell(space);
  }

  delete(space: string, key: string, now: number): void {
    if (this.of(space, now).delete(key)) this.#tell(space);
  }

  watch(space: string, onChange: () => void): Watch {
    const watchers = this.#watchers.get(space) ?? new Set();
    this.#watchers.set(space, watchers.add(onChange));
    const end = (): void => {
      watchers.delete(onChange);
      if (watchers.size === 0 && this.#watchers.get(space) === watchers) this.#watchers.delete(space);
    };
    return { ready: Promise.resolve(), [Symbol.dispose]: end };
  }

  #tell(space: string): void {
    for (const onChange of this.#watchers.get(space) ?? []) queueMicrotask(onChange);
  }
}

export class MemoryRecords implements RecordStore {
  constructor(
    private readonly spaces: MemoryRecordSpaces,
    private readonly clock: Clock,
  ) {}

  async put(record: NewRecord, ttl: number): Promise<StoredRecord> {
    const now = this.clock.monotonic();
    const there = this.spaces.of(record.space, now).get(record.key);
    if (there && !isNewer(record, there.record)) return this.#shown(there, now);
    const stored = { record: { ...record }, until: now + ttl };
    this.spaces.set(stored, now);
    return this.#shown(stored, now);
  }

  async get(space: string, key: string): Promise<StoredRecord | undefined> {
    const now = this.clock.monotonic();
    const there = this.spaces.of(space, now).get(key);
    return there && this.#shown(there, now);
  }

  async remove(space: string, key: string, version: number): Promise<void> {
    const now = this.clock.monotonic();
    const there = this.spaces.of(space, now).get(key);
    if (there && there.record.version <= version) this.spaces.delete(space, key, now);
  }

  async list(space: string): Promise<readonly StoredRecord[]> {
    const now = this.clock.monotonic();
    return Array.from(this.spaces.of(space, now).values(), (stored) => this.#shown(stored, now));
  }

  watch(space: string, onChange: () => void): Watch {
    return this.spaces.watch(space, onChange);
  }

  #shown({ record, until }: Stored, now: number): StoredRecord {
    return { ...record, remaining: until - now, at: this.clock.wall() };
  }
}
