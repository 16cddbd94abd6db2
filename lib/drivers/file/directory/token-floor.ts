import { LockFile, type NativeLock } from '../kernel/index.js';

/**
 * The largest fencing token of all lock files that were removed. A name that comes back has a new file, and goes on above this
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
   * Stored before the file of that token is removed: who finds that file gone finds this number.
   * @returns false when another process is at it; nothing may be removed then
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
