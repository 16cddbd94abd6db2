import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { finishAll } from '../finish-all.js';
import { shorten } from '../file.messages.js';
import { LockFile } from '../kernel/lock-file.js';
import type { NativeLock } from '../kernel/native-lock.js';

const FILE_NAME = /^[0-9a-f]{64}$/;

/**
 * The members that this process makes visible: each one keeps a file locked, so that its end, of whatever kind, shows
 * at once.
 */
export class Members {
  #files = new Map<string, LockFile>();
  /** How often in a row a member was found to be announced by another process. */
  #refused = new Map<string, number>();

  constructor(
    private readonly native: NativeLock,
    private readonly socket: string,
    private readonly warn: (message: string) => void,
  ) {}

  /** Removes the files of processes that have died, which are those that can be locked. */
  static *sweep(directory: string, native: NativeLock): Generator<void> {
    for (const entry of readdirSync(directory)) {
      if (!FILE_NAME.test(entry)) continue;
      LockFile.takeExisting(join(directory, entry), native)?.remove();
      yield;
    }
  }

  announce(memberId: string, path: string): void {
    const known = this.#files.get(memberId);
    if (known?.isInPlace()) return;
    this.#drop(memberId);
    const file = LockFile.take(path, this.native);
    if (!file) {
      this.#warnSecondTime(memberId, LockFile.read(path)?.pid);
      return;
    }
    this.#refused.delete(memberId);
    try {
      file.store({ pid: process.pid, memberId, grantId: '', socket: this.socket, name: memberId });
    } catch (error) {
      file.free();
      throw error;
    }
    this.#files.set(memberId, file);
  }

  withdraw(memberId: string): void {
    this.#refused.delete(memberId);
    this.#drop(memberId);
  }

  /** Throws the first failure, after all are closed. */
  close(): void {
    finishAll(Array.from(this.#files.keys(), (memberId) => () => this.withdraw(memberId)));
  }

  #drop(memberId: string): void {
    const file = this.#files.get(memberId);
    this.#files.delete(memberId);
    file?.remove();
  }

  /** Not the first time: a process that starts has the files of the others for a moment, to remove the dead ones. */
  #warnSecondTime(memberId: string, pid: number | undefined): void {
    const times = (this.#refused.get(memberId) ?? 0) + 1;
    this.#refused.set(memberId, times);
    if (times !== 2) return;
    this.warn(
      `member ${shorten(memberId)} is already announced by process ${pid ?? 'unknown'}; ` +
        'give every process an agentId (COORDINATION_AGENT_ID) of its own',
    );
  }
}
