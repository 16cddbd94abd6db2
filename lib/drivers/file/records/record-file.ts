import { constants, closeSync, openSync, readFileSync, renameSync, unlinkSync, writeSync } from 'node:fs';
import type { NewRecord, StoredRecord } from '../../driver.js';
import { isMissing, LockFile, type NativeLock } from '../kernel/index.js';

const { O_CREAT, O_NOFOLLOW, O_TRUNC, O_WRONLY } = constants;

/** The suffix of a draft: it is written next to a record, and then takes the record's name. */
const DRAFT = '.draft';

/** The name of a record's file, or of its draft. */
const NAME = /^[0-9a-f]{64}-[0-9a-f]{64}(\.draft)?$/;

interface Written extends NewRecord {
  /** Unix time, ms. */
  readonly until: number;
}

/**
 * One record as a small JSON file. A writer locks the file that has the name, writes a draft and renames it to that name. A process
 * whose locked file no longer has the name locks the new one: see {@link LockFile}. A reader needs no lock, as the file with the name
 * is always whole. An empty file was only made to be locked, and is no record.
 *
 * @returns what `change` returns; 'busy' when another process has the record locked
 */
export function withRecord<T>(
  path: string,
  native: NativeLock,
  now: number,
  change: (there: StoredRecord | undefined, write: (record: NewRecord, ttl: number) => void) => T,
): T | 'busy' {
  const file = LockFile.take(path, native);
  if (!file) return 'busy';
  let empty = false;
  try {
    const there = readRecord(path, now);
    // A file that was only made to be locked must not stay.
    empty = there === undefined;
    return change(there, (record, ttl) => {
      replace(path, { ...record, until: now + ttl });
      empty = false;
    });
  } finally {
    if (empty) file.remove();
    else file.free();
  }
}

/** @returns false when another process has the record locked */
export function removeRecord(path: string, native: NativeLock, now: number, version: number): boolean {
  const file = LockFile.takeExisting(path, native);
  if (!file) return !LockFile.isTaken(path, native);
  let wanted = true;
  try {
    const there = readRecord(path, now);
    wanted = there !== undefined && there.version > version;
  } finally {
    if (wanted) file.free();
    else file.remove();
  }
  return true;
}

/** @param now Unix time, ms; a record that has expired by then counts as missing */
export function readRecord(path: string, now: number): StoredRecord | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  const written = parsed(text);
  if (!written) return undefined;
  const { until, ...record } = written;
  return until > now ? { ...record, remaining: until - now, at: now } : undefined;
}

/** Undefined for an empty file, and for a file that was cut short by a power failure. */
function parsed(text: string): Written | undefined {
  try {
    return JSON.parse(text) as Written;
  } catch {
    // See above.
    return undefined;
  }
}

/** True for the file name of a record of that space, or of any space without a prefix; false for a draft. */
export function isRecordName(name: string, prefix = ''): boolean {
  return NAME.test(name) && !name.endsWith(DRAFT) && name.startsWith(prefix);
}

/** Removes a record that has expired, or a draft whose writer has died. */
export function sweepRecord(path: string, native: NativeLock, now: number): void {
  const draft = path.endsWith(DRAFT);
  const record = draft ? path.slice(0, -DRAFT.length) : path;
  const file = draft ? LockFile.take(record, native) : LockFile.takeExisting(record, native);
  if (!file) return;
  let wanted = true;
  try {
    if (draft) unlinkSync(path);
    wanted = readRecord(record, now) !== undefined;
  } finally {
    if (wanted) file.free();
    else file.remove();
  }
}

export function isRecordOrDraft(name: string): boolean {
  return NAME.test(name);
}

function replace(path: string, written: Written): void {
  const draft = path + DRAFT;
  const fd = openSync(draft, O_CREAT | O_WRONLY | O_TRUNC | O_NOFOLLOW, 0o600);
  try {
    const text = Buffer.from(JSON.stringify(written));
    const length = writeSync(fd, text);
    if (length !== text.length)
      throw new Error(`ENOSPC: only ${length} of ${text.length} bytes were written`);
  } finally {
    closeSync(fd);
  }
  renameSync(draft, path);
}
