import { type Dir, lstatSync, opendirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock, Timer } from '../../common/clock.js';
import { LockFile, type NativeLock } from './kernel/index.js';
import { Instance, type Instances, type StateDirectory, type TokenFloor } from './directory/index.js';
import { isRecordOrDraft, sweepRecord } from './records/index.js';
import { Tickets } from './queue/index.js';
import type { Sharers } from './shares/index.js';

/** A lock file that was not used for this long is removed, ms. */
const UNUSED = 24 * 3_600_000;
/** The pause between two rounds, ms: at least half of it, at most one and a half. */
const REST = 3_600_000;
/** A round handles this many files at a time, about a ms of work, with a pause (ms) in between. */
const PART = 32;
const PAUSE = 10;

/** The name of a lock's file. */
const LOCK = /^[0-9a-f]{64}$/;

export interface HousekeepingContext {
  readonly directory: StateDirectory;
  readonly native: NativeLock;
  readonly instances: Pick<Instances, 'isTaken'>;
  readonly sharers: Pick<Sharers, 'isTaken'>;
  readonly floor: TokenFloor;
  readonly clock: Clock;
  readonly random: () => number;
}

/**
 * Removes unused files: those of locks that were not used for a day, and what dead processes have left.
 *
 * Every driver does this by itself, from its start on and then about every hour, a few files at a time. Several drivers may do it at
 * once, and each may be killed or stopped at any point: a file is removed under its lock, see {@link LockFile}.
 */
export class Housekeeping {
  #timer?: Timer;
  #round?: Generator<void>;

  constructor(private readonly context: HousekeepingContext) {}

  start(): void {
    this.#in(PAUSE);
  }

  close(): void {
    this.#timer?.cancel();
    try {
      this.#round?.return(undefined);
    } catch {
      // The system complained while it closed the folder, which is closed all the same.
    }
  }

  #in(ms: number): void {
    this.#timer = this.context.clock.setTimer(ms, () => this.#part(), 'background');
  }

  #part(): void {
    this.#round ??= round(this.context);
    let done: boolean | undefined = false;
    try {
      for (let files = 0; files < PART && !done; files += 1) done = this.#round.next().done;
    } catch {
      // A folder cannot be read now. The caller that needs it reports that; the next round tries again.
      done = true;
    }
    if (done) this.#round = undefined;
    this.#in(done ? REST * (0.5 + this.context.random()) : PAUSE);
  }
}

/** One round; the caller may pause or end it after each file. */
export function* round(context: HousekeepingContext): Generator<void> {
  const { directory, native, instances, sharers, clock } = context;
  const before = clock.wall() - UNUSED;
  yield* sweepRecords(directory.records, native, clock);
  yield* Tickets.sweep(directory.queuesFolder, instances, sharers);
  yield* Instance.sweep(directory.instancesFolder, native, before);
  const folder = opendirSync(directory.locks);
  try {
    for (let name = nextName(folder); name !== undefined; name = nextName(folder)) {
      if (LOCK.test(name)) removeUnused(join(directory.locks, name), before, context);
      yield;
    }
  } finally {
    folder.closeSync();
  }
}

/** The files of all locks that have one. */
export function lockFiles(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => LOCK.test(name))
    .map((name) => join(folder, name));
}

function* sweepRecords(folder: string, native: NativeLock, clock: Clock): Generator<void> {
  for (const name of readdirSync(folder)) {
    if (!isRecordOrDraft(name)) continue;
    try {
      sweepRecord(join(folder, name), native, clock.wall());
    } catch {
      // The file stays, which is safe. The next round tries again.
    }
    yield;
  }
}

function nextName(folder: Dir): string | undefined {
  return folder.readSync()?.name;
}

function removeUnused(path: string, before: number, { native, floor }: HousekeepingContext): void {
  try {
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (!found?.isFile() || found.nlink > 1 || found.mtimeMs >= before) return;
    const file = LockFile.takeExisting(path, native);
    if (!file) return;
    let unused = false;
    try {
      // Check again, now that the file is locked and no other process can use it.
      unused = file.isUnusedSince(before) && floor.raise(file.counter());
    } finally {
      if (unused) file.remove();
      else file.free();
    }
  } catch {
    // The file stays, which is safe. The next round tries again.
  }
}
