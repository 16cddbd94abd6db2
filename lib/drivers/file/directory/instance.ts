import { closeSync, futimesSync, lstatSync, openSync, readdirSync, rmSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { LockFile, type NativeLock, type OwnerRecord } from '../kernel/index.js';
import type { Place } from './place.js';
import { removePrivateFolder, SocketFolder } from './socket-folder.js';

/** The name of an instance's file. */
const NUMBER = /^\d+$/;
/** The name of the mark for an instance whose file is gone. */
const MARK = /^\d+\.missed$/;

/**
 * The place of one running driver: a number, a file that stays locked as long as the driver runs, and a socket path of its own.
 *
 * Numbers are used again, so there are never more files than there were drivers at the same time. A driver that takes an instance
 * removes what a dead process left there.
 */
export class Instance {
  private constructor(
    readonly number: number,
    /** The socket's name as other drivers read it in the file; see {@link SocketFolder}. */
    readonly socket: string,
    private readonly file: LockFile,
    private readonly folder: SocketFolder,
  ) {}

  /**
   * @param place which folders its driver uses for locks; see `StateDirectory.place`
   * @param hasShares whether a process shares locks by that number
   */
  static take(
    directory: string,
    native: NativeLock,
    place: Place,
    hasShares: (number: number) => boolean,
  ): Instance {
    const folder = new SocketFolder(directory);
    for (let number = 0; ; number += 1) {
      const file = seat(seatFile(directory, number), native, () => hasShares(number));
      if (!file) continue;
      try {
        clean(file, folder);
        rmSync(markFile(directory, number), { force: true });
        const socket = folder.nameFor(number);
        const instance = new Instance(number, socket, file, folder);
        instance.store(place);
        return instance;
      } catch (error) {
        file.free();
        throw error;
      }
    }
  }

  /**
   * Removes the sockets of dead processes: an instance that can be locked has no living driver.
   *
   * @param before also removes the instances that no driver has taken since then, Unix ms
   */
  static *sweep(directory: string, native: NativeLock, before: number): Generator<void> {
    const folder = new SocketFolder(directory);
    for (const entry of readdirSync(directory)) {
      if (MARK.test(entry)) removeOlder(join(directory, entry), before);
      if (!NUMBER.test(entry)) continue;
      const file = LockFile.takeExisting(join(directory, entry), native);
      if (!file) continue;
      let unused = false;
      try {
        clean(file, folder);
        unused = file.isUnusedSince(before);
      } finally {
        if (unused) file.remove();
        else file.free();
      }
      yield;
    }
  }

  /** Where to listen. */
  get address(): string {
    return this.folder.addressOf(this.socket);
  }

  /** Writes down which process has this instance, and which folders its driver uses for locks. */
  store({ locks, queues }: Place): void {
    this.file.store({
      pid: process.pid,
      memberId: '',
      grantId: '',
      socket: this.socket,
      name: '',
      place: locks,
      queues,
    });
  }

  /** False in a directory that was removed and made again: others see this driver there as dead, or see another one in its place. */
  isInPlace(): boolean {
    return this.file.isInPlace();
  }

  leave(): void {
    try {
      if (this.isInPlace()) clean(this.file, this.folder);
    } finally {
      try {
        this.folder.close();
      } finally {
        this.file.free();
      }
    }
  }
}

/** The instances of all drivers, as other processes see them. */
export class Instances {
  constructor(
    private readonly directory: string,
    private readonly native: NativeLock,
  ) {}

  /** Whether the driver of that instance runs, even if its process is stopped; undefined when there is no such instance. */
  isTaken(number: number): boolean | undefined {
    const path = seatFile(this.directory, number);
    const taken = LockFile.isTaken(path, this.native);
    // A file without a record was made just now, by a driver that has not taken it yet, or takes another one. See `seat`.
    return taken === false && !LockFile.read(path) ? undefined : taken;
  }

  /**
   * For how long drivers have missed the file of that instance, ms. The first one leaves a mark, which the next driver with that number
   * removes.
   *
   * @param now Unix ms
   */
  missedFor(number: number, now: number): number {
    const mark = markFile(this.directory, number);
    const since = lstatSync(mark, { throwIfNoEntry: false })?.mtimeMs;
    if (since !== undefined && since <= now) return Math.round(now - since);
    // There is no mark, or the clock was set back.
    const fd = openSync(mark, 'w', 0o600);
    try {
      futimesSync(fd, now / 1000, now / 1000);
    } finally {
      closeSync(fd);
    }
    return 0;
  }

  /** The socket of the driver of that instance. */
  socketOf(number: number): string | undefined {
    return LockFile.read(seatFile(this.directory, number))?.socket;
  }

  /** A running driver, other than that of `own`, that uses locks in another place. */
  elsewhere(place: Place, own: number): OwnerRecord | undefined {
    for (const entry of readdirSync(this.directory)) {
      if (!NUMBER.test(entry) || Number(entry) === own) continue;
      const record = LockFile.read(join(this.directory, entry));
      if (record && isElsewhere(record, place) && this.isTaken(Number(entry))) return record;
    }
    return undefined;
  }
}

/** A driver of an earlier version does not say which queues it uses. */
function isElsewhere({ place, queues }: OwnerRecord, { locks, queues: ours }: Place): boolean {
  return (place !== undefined && place !== locks) || (queues !== undefined && queues !== ours);
}

function seatFile(directory: string, number: number): string {
  return join(directory, String(number));
}

function markFile(directory: string, number: number): string {
  return join(directory, `${number}.missed`);
}

function removeOlder(mark: string, before: number): void {
  const found = lstatSync(mark, { throwIfNoEntry: false });
  if (found && found.mtimeMs < before) rmSync(mark, { force: true });
}

/** Locks the file of an instance; undefined where a driver has that number, or may have it though its file is gone. */
function seat(path: string, native: NativeLock, hasShares: () => boolean): LockFile | undefined {
  const file = LockFile.take(path, native);
  if (!file) return undefined;
  let isFree = false;
  try {
    // A file without a record was not there before.
    isFree = file.record() !== undefined || !hasShares();
  } finally {
    if (!isFree) file.remove();
  }
  return isFree ? file : undefined;
}

function clean(file: LockFile, folder: SocketFolder): void {
  const socket = file.record()?.socket;
  if (socket === undefined || socket === '') return;
  const path = folder.pathOf(socket);
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found?.isSocket() && found.uid === process.geteuid?.()) unlinkSync(path);
  removePrivateFolder(path);
}
