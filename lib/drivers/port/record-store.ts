import type { Watch } from './watch.js';

/**
 * Small values with a version, each for one writer at a time: members, runs, leaders. The version is the fencing token of the
 * lock under which a record is written, or a counter of the member's own.
 */
export interface RecordStore {
  /**
   * Stores a record for `ttl` ms, unless one with a larger version is there. Of two with one version the first one stays; to
   * put the same value again makes it last longer.
   * @returns what is there afterwards: the caller's record, or the one that is newer
   */
  put(record: NewRecord, ttl: number): Promise<StoredRecord>;

  /**
   * Reads one record.
   * @returns undefined where there is none, or where it has expired
   */
  get(space: string, key: string): Promise<StoredRecord | undefined>;

  /** Removes a record, unless one with a larger version number is there; does nothing where there is none. */
  remove(space: string, key: string, version: number): Promise<void>;

  /** All records of one space that have not expired, in no order. */
  list(space: string): Promise<readonly StoredRecord[]>;

  /** Calls `onChange` when a record of the space may have changed. A hint, as {@link LockStore.watch}. */
  watch(space: string, onChange: () => void): Watch;
}

/** A record as it is written. */
export interface NewRecord {
  /** What kind of record it is, for example `members`: letters, digits, `-` and `:`. */
  readonly space: string;
  /** Any text; one record for each in a space. */
  readonly key: string;
  /** A whole number from 0 up, below 2^53. */
  readonly version: number;
  /** A text of at most some thousand characters, such as JSON. */
  readonly value: string;
}

/** A record as the back end has it. */
export interface StoredRecord extends NewRecord {
  /** How long it is there without another `put`, ms. */
  readonly remaining: number;
  /** What the clock of the back end said when it answered: Unix time, ms. */
  readonly at: number;
}
