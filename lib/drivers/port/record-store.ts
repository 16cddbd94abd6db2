import type { Watch } from './watch.js';

/**
 * Small values with a version, each with one writer at a time: members, runs, leaders. The version is the fencing token of the
 * lock under which the record is written, or a counter of the member itself.
 */
export interface RecordStore {
  /**
   * Stores a record for `ttl` ms, unless a record with a larger version is there. Of two records with one version the first one stays.
   * A `put` of the same version and value makes the record last longer.
   *
   * A back end may remember for a while that a record was removed. It then stores only a larger version than that of the removed record.
   * @returns the record that is stored afterwards: the caller's, or the newer one. Where a removed record was newer, its version and the
   * value ''
   */
  put(record: NewRecord, ttl: number): Promise<StoredRecord>;

  /**
   * Reads one record.
   * @returns undefined where there is no record, or it has expired
   */
  get(space: string, key: string): Promise<StoredRecord | undefined>;

  /** Removes a record, unless its version number is larger than the given one; does nothing where there is no record. */
  remove(space: string, key: string, version: number): Promise<void>;

  /** All records of one space that have not expired, in no order. */
  list(space: string): Promise<readonly StoredRecord[]>;

  /** Calls `onChange` when a record of the space may have changed. Only a hint, as with {@link LockStore.watch}. */
  watch(space: string, onChange: () => void): Watch;
}

/** A record to be written. */
export interface NewRecord {
  /** What kind of record it is, for example `members`: letters, digits, `-` and `:`. */
  readonly space: string;
  /** Any text; unique within the space. */
  readonly key: string;
  /** A whole number from 0 up, below 2^53. */
  readonly version: number;
  /** A text of at most some thousand characters, such as JSON. */
  readonly value: string;
}

/** A record as the back end returns it. */
export interface StoredRecord extends NewRecord {
  /** How long it stays without another `put`, ms. */
  readonly remaining: number;
  /** The back end's clock at the time of the answer: Unix time, ms. */
  readonly at: number;
}
