import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
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

/** A file that is replaced this often while it is being locked is being fought over, not recreated. */
const MOST_TRIES = 20;

/** All use of these is synchronous, so one buffer each serves every file. */
const READ = Buffer.alloc(RECORD_SIZE);
const WRITE = Buffer.alloc(SLOT_SIZE);

/**
 * A file that this object has locked, until `free`.
 *
 * The kernel keeps the lock per open file: it excludes other processes and other objects of this process alike, and
 * ends with the process. Files of locks are never unlinked: whoever still had one open could lock it beside the next.
 */
export class LockFile {
  #inode: bigint;
  #device: bigint;

  private constructor(
    readonly path: string,
    private readonly fd: number,
    { ino, dev }: BigIntStats,
    private readonly native: NativeLock,
  ) {
    this.#inode = ino;
    this.#device = dev;
  }

  /**
   * Locks the file, and creates it if need be; undefined when somebody else has it. Throws the system's errors.
   *
   * @param admits is asked before, with the number of links to the file; it is not touched if the answer is no
   */
  static take(
    path: string,
    native: NativeLock,
    admits: (links: number) => boolean = () => true,
  ): LockFile | undefined {
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      const fd = openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
      let mine = false;
      try {
        // As bigint: overlay file systems number their files beyond 2^53.
        const stats = fstatSync(fd, { bigint: true });
        if (!admits(Number(stats.nlink)) || !native.tryLock(fd)) return undefined;
        const file = new LockFile(path, fd, stats, native);
        mine = file.isInPlace();
        if (mine) return file;
        native.unlock(fd);
      } finally {
        if (!mine) closeSync(fd);
      }
    }
    throw new Error(`${path} was replaced ${MOST_TRIES} times while it was being locked`);
  }

  /** Who holds the file, or held it last, as far as it was written down. Needs no lock. */
  static read(path: string): OwnerRecord | undefined {
    return lookInto(path, (fd) => decodeRecord(READ, readSync(fd, READ, 0, RECORD_SIZE, 0))?.record);
  }

  /** Whether somebody has the file locked. One that is not there has nobody. */
  static isTaken(path: string, native: NativeLock): boolean {
    return lookInto(path, (fd) => native.isLocked(fd)) ?? false;
  }

  /** True while the path leads to the file that is locked: it may have been removed or replaced by hand. */
  isInPlace(): boolean {
    const there = lstatSync(this.path, { bigint: true, throwIfNoEntry: false });
    return there !== undefined && there.ino === this.#inode && there.dev === this.#device;
  }

  record(): OwnerRecord | undefined {
    return decodeRecord(READ, readSync(this.fd, READ, 0, RECORD_SIZE, 0))?.record;
  }

  /**
   * Writes down who holds the file. Throws when it is not stored whole; what was stored before stays readable.
   *
   * @param count makes the next value of the file's counter out of the last, 0 at first; without it, it stays as it was
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

  /**
   * Removes the file and lets go. For files that only say that their process is alive: while one that guards a lock is
   * removed, others may be waiting for it.
   */
  remove(): void {
    try {
      if (this.isInPlace()) unlinkSync(this.path);
    } finally {
      this.free();
    }
  }

  free(): void {
    try {
      // Closing alone would leave the lock to a child process that is just being forked, until its exec.
      this.native.unlock(this.fd);
    } finally {
      closeSync(this.fd);
    }
  }
}

/** Undefined when there is no such file. */
function lookInto<T>(path: string, look: (fd: number) => T): T | undefined {
  let fd: number;
  try {
    fd = openSync(path, O_RDONLY | O_NOFOLLOW);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  try {
    return look(fd);
  } finally {
    closeSync(fd);
  }
}

export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}
