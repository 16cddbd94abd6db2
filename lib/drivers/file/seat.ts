import { lstatSync, mkdtempSync, readdirSync, rmdirSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { unusableDirectory } from './file.messages.js';
import { LockFile } from './lock-file.js';
import type { NativeLock } from './native-lock.js';

/** sockaddr_un holds 108 bytes on Linux and 104 on macOS, with a 0 at the end; Node cuts a longer path silently. */
const LONGEST_SOCKET_PATH = 103;
const PRIVATE_PREFIX = 'coordination-socket-';

/**
 * The place of one running driver: a number, a file that is locked as long as it runs, and a socket path of its own.
 *
 * Numbers are used again, so there are never more files than there were drivers at the same time, and whoever takes
 * a seat finds, and removes, what a dead process left there.
 */
export class Seat {
  private constructor(
    readonly number: number,
    readonly socket: string,
    private readonly file: LockFile,
  ) {}

  static take(directory: string, native: NativeLock): Seat {
    sweep(directory, native);
    for (let number = 0; ; number += 1) {
      const file = LockFile.take(seatFile(directory, number), native);
      if (!file) continue;
      try {
        clean(file);
        const socket = socketPath(directory, number);
        file.store({ pid: process.pid, memberId: '', grantId: '', socket, name: '' });
        return new Seat(number, socket, file);
      } catch (error) {
        file.free();
        throw error;
      }
    }
  }

  /** False in a directory that was removed and made again: others take this driver for dead there, or for another. */
  isInPlace(): boolean {
    return this.file.isInPlace();
  }

  leave(): void {
    try {
      if (this.isInPlace()) clean(this.file);
    } finally {
      this.file.free();
    }
  }
}

/** The seats of all drivers, as they look from outside. */
export class Seats {
  constructor(
    private readonly directory: string,
    private readonly native: NativeLock,
  ) {}

  /** Whether the driver of that seat runs, be its process stopped or not. */
  isTaken(number: number): boolean {
    return LockFile.isTaken(seatFile(this.directory, number), this.native);
  }

  /** Where the driver of that seat can be asked. */
  socketOf(number: number): string | undefined {
    return LockFile.read(seatFile(this.directory, number))?.socket;
  }
}

function seatFile(directory: string, number: number): string {
  return join(directory, String(number));
}

/** Removes the sockets of processes that have died, which are those whose seat can be locked. */
function sweep(directory: string, native: NativeLock): void {
  for (const entry of readdirSync(directory)) {
    if (!/^\d+$/.test(entry)) continue;
    const file = LockFile.take(join(directory, entry), native);
    if (!file) continue;
    try {
      clean(file);
    } finally {
      file.free();
    }
  }
}

function clean(file: LockFile): void {
  const socket = file.record()?.socket;
  if (socket === undefined) return;
  const found = lstatSync(socket, { throwIfNoEntry: false });
  if (found?.isSocket() && found.uid === process.geteuid?.()) unlinkSync(socket);
  const parent = dirname(socket);
  if (!basename(parent).startsWith(PRIVATE_PREFIX)) return;
  try {
    rmdirSync(parent);
  } catch {
    // Gone already, or not empty and so not only ours: an empty directory left behind harms nobody.
  }
}

function socketPath(directory: string, number: number): string {
  const near = join(directory, `${number}.sock`);
  if (Buffer.byteLength(near) <= LONGEST_SOCKET_PATH) return near;
  // mkdtemp makes it 0700.
  const path = join(mkdtempSync(join(tmpdir(), PRIVATE_PREFIX)), 's');
  if (Buffer.byteLength(path) <= LONGEST_SOCKET_PATH) return path;
  rmdirSync(dirname(path));
  throw unusableDirectory(dirname(directory), {
    reason: `its path is too long for a socket (${LONGEST_SOCKET_PATH} bytes at most), and so is that of ${tmpdir()} (TMPDIR)`,
    advice: 'set TMPDIR to a shorter one',
  });
}
