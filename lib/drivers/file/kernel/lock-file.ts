import { closeSync, constants, fstatSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { type Found, isMissing, isSame, look, lookAt } from './identity.js';
import type { NativeLock } from './native-lock.js';
import {
  decodeRecord,
  encodeSlot,
  newestSlot,
  RECORD_SIZE,
  SLOT_SIZE,
  type OwnerRecord,
} from './owner-record.js';

const { O_CREAT, O_NOFOLLOW, O_RDONLY, O_RDWR } = constants;
const OPEN_OR_CREATE = O_RDWR | O_CREAT | O_NOFOLLOW;
const OPEN = O_RDWR | O_NOFOLLOW;

/** A file that is replaced this often while it is being locked is being fought over, not recreated. */
const MOST_TRIES = 20;

/** Every use of these buffers is synchronous, so one of each serves all files. */
const READ = Buffer.alloc(RECORD_SIZE);
const WRITE = Buffer.alloc(SLOT_SIZE);

/**
 * A file that this object has locked, until `free`.
 *
 * The kernel keeps the lock per open file: it excludes other processes and other objects of this process alike, and
 * ends with the process.
 *
 * A lock file may be removed, and no two processes then hold one lock. The proof:
 *
 * 1. A process holds a lock once it has found, after the kernel gave it the lock of the file, that the path leads to that very
 *    file (`take` compares device and inode). A file that was removed, or replaced, between `open` and the kernel's lock
 *    is let go, and the path is opened again.
 * 2. A process unlinks the path only while it holds the lock in the sense of 1 (`remove`). A path that leads to a file is never
 *    made to lead to another one: `open` creates only what is missing.
 * 3. So from the moment of 1 on, the path leads to the holder's file until the holder lets go: only the holder could unlink it.
 *    Any other process either opens that same file, and the kernel refuses its lock; or it has a removed file open, and fails 1.
 *
 * The inode of a file that is open is not used again, so 1 cannot take a new file for an old one. A process that dies in the
 * middle leaves the path with its file, or without one, and no lock: both are states to begin from. A process that is stopped
 * in the middle still has the kernel's lock, or has nothing yet.
 */
export class LockFile {
  private constructor(
    readonly path: string,
    private readonly fd: number,
    private readonly identity: Found,
    private readonly native: NativeLock,
  ) {}

  /**
   * Locks the file, and creates it if need be; undefined when another holder has it locked. Throws the system's errors; nothing is
   * locked then.
   *
   * @param admits is asked first, with the number of links to the file; on false the file is not touched
   * @param isVacant is asked once the file is locked, if it has further links; on false the file is unlocked
   */
  static take(
    path: string,
    native: NativeLock,
    admits: (links: number) => boolean = () => true,
    isVacant: () => boolean = () => true,
  ): LockFile | undefined {
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      const file = LockFile.#tryOnce(path, OPEN_OR_CREATE, native, admits, isVacant);
      if (file !== 'replaced') return file;
    }
    throw new Error(`${path} was replaced ${MOST_TRIES} times while it was being locked`);
  }

  /** As `take`, but creates nothing; undefined also when there is no such file. */
  static takeExisting(path: string, native: NativeLock): LockFile | undefined {
    try {
      const file = LockFile.#tryOnce(
        path,
        OPEN,
        native,
        () => true,
        () => true,
      );
      return file === 'replaced' ? undefined : file;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  static #tryOnce(
    path: string,
    flags: number,
    native: NativeLock,
    admits: (links: number) => boolean,
    isVacant: () => boolean,
  ): LockFile | 'replaced' | undefined {
    const fd = openSync(path, flags, 0o600);
    let locked = false;
    let kept = false;
    try {
      const found = lookAt(fd);
      if (!admits(Number(found.nlink)) || !native.tryLock(fd)) return undefined;
      locked = true;
      const file = new LockFile(path, fd, found, native);
      const there = look(path);
      if (there === undefined || !isSame(there, found)) return 'replaced';
      // Check only now: a link could still be made until the file was locked.
      kept = Number(there.nlink) === 1 || isVacant();
      return kept ? file : undefined;
    } finally {
      if (!kept) letGo(fd, locked ? native : undefined);
    }
  }

  /** The record of the file's present or last holder, as far as it was written down. Needs no lock. */
  static read(path: string): OwnerRecord | undefined {
    return lookInto(path, (fd) => decodeRecord(READ, readSync(fd, READ, 0, RECORD_SIZE, 0))?.record);
  }

  /** The largest token that was stored in a file; 0 when there is none. Needs no lock. */
  static counterOf(path: string): number {
    return lookInto(path, (fd) => newestSlot(READ, readSync(fd, READ, 0, RECORD_SIZE, 0))?.counter) ?? 0;
  }

  /** Whether a process has the file locked; undefined when there is no file. */
  static isTaken(path: string, native: NativeLock): boolean | undefined {
    return lookInto(path, (fd) => native.isLocked(fd));
  }

  /** True while the path leads to the locked file. False when the file was removed or replaced by hand. */
  isInPlace(): boolean {
    const there = look(this.path);
    return there !== undefined && isSame(there, this.identity);
  }

  record(): OwnerRecord | undefined {
    return decodeRecord(READ, readSync(this.fd, READ, 0, RECORD_SIZE, 0))?.record;
  }

  /**
   * Stores the record of the file's holder. Throws when it is not stored whole; the record before it stays readable then.
   *
   * @param count computes the next value of the file's counter from the last one, which is 0 at first; without it the counter stays
   * @returns the counter
   */
  store(record: OwnerRecord, count: (last: number) => number = (last) => last): number {
    const last = newestSlot(READ, readSync(this.fd, READ, 0, RECORD_SIZE, 0));
    const counter = count(last?.counter ?? 0);
    const length = encodeSlot(WRITE, (last?.sequence ?? 0) + 1, counter, record);
    const written = writeSync(this.fd, WRITE, 0, length, last?.slot === 0 ? SLOT_SIZE : 0);
    if (written !== length) throw new Error(`ENOSPC: only ${written} of ${length} bytes were written`);
    return counter;
  }

  /** The largest token that was stored in it; 0 when there was none. */
  counter(): number {
    return newestSlot(READ, readSync(this.fd, READ, 0, RECORD_SIZE, 0))?.counter ?? 0;
  }

  /** Whether nothing was stored in it since that time, Unix ms, and it has no ticket or share. */
  isUnusedSince(before: number): boolean {
    const { mtimeMs, nlink } = fstatSync(this.fd);
    return nlink === 1 && mtimeMs < before;
  }

  /** Removes the file and then unlocks it. The order matters, see the proof above. */
  remove(): void {
    try {
      if (this.isInPlace()) unlinkSync(this.path);
    } finally {
      this.free();
    }
  }

  free(): void {
    letGo(this.fd, this.native);
  }
}

/** Closing the descriptor ends the lock, even where unlocking fails. */
function letGo(fd: number, native: NativeLock | undefined): void {
  try {
    // Closing alone would leave the lock to a child process that is being forked, until its exec.
    native?.unlock(fd);
  } finally {
    closeSync(fd);
  }
}

/** Undefined when there is no such file. */
function lookInto<T>(path: string, read: (fd: number) => T): T | undefined {
  let fd: number;
  try {
    fd = openSync(path, O_RDONLY | O_NOFOLLOW);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  try {
    return read(fd);
  } finally {
    closeSync(fd);
  }
}
