import { LockFile, type NativeLock } from '../kernel/index.js';

/**
 * The largest fencing token of all removed lock files. A name that is used again gets a new file, and its tokens continue above this
 * number, whatever the clock says by then.
 */
export class TokenFloor {
  constructor(
    private readonly path: string,
    private readonly native: NativeLock,
  ) {}

  read(): number {
    return LockFile.counterOf(this.path);
  }

  /**
   * Must be called before the file with that token is removed: a process that finds the file gone then finds this number.
   * @returns false when another process is writing the number; nothing may be removed then
   */
  raise(token: number): boolean {
    if (token <= this.read()) return true;
    const file = LockFile.take(this.path, this.native);
    if (!file) return false;
    try {
      file.store({ pid: process.pid, memberId: '', grantId: '', socket: '', name: '' }, (last) =>
        Math.max(last, token),
      );
      return true;
    } finally {
      file.free();
    }
  }
}
