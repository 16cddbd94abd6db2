import { constants } from 'node:fs';
import { mkdir, open, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { tryLock, unlock } from 'fs-native-extensions';
import { StaleTokenError } from './stale-token.error.js';

/** Between two looks at a floor file that serves somebody else, ms. */
const PAUSE = 1;

/**
 * The largest fencing token that each resource was used with: its floor. A request with a smaller one is refused.
 *
 * Leases that share a lock have tokens of their own, in no order. So there are two floors: one of all leases, below which no lease that
 * was alone may come, and one of those that were alone, below which none at all may.
 *
 * The floor rises at the first request of a lease, a read as much as a write. If only writes raised it, a holder that
 * read, stalled and lost its lease could still write while the next holder has read but not written yet, and that one
 * would then write over it.
 *
 * This stands for the inside of a storage system. There, comparing the token, raising the floor and carrying out the
 * request is one step, because an array or a database serves one request for a resource after the other. Files do not,
 * so a kernel lock on the floor's file makes it one step: for one request, never between two of them.
 */
export class Floors {
  /** @param directory gets a small file for each resource, which outlives it: a late writer must not bring it back */
  constructor(private readonly directory: string) {}

  /**
   * Carries out one request, unless it comes too late.
   *
   * @throws StaleTokenError when the resource was used with a larger token
   */
  async serve<T>(resource: string, token: number, request: () => Promise<T>, shared = false): Promise<T> {
    const path = join(this.directory, resource);
    await mkdir(dirname(path), { recursive: true });
    const file = await open(path, constants.O_RDWR | constants.O_CREAT, 0o644);
    try {
      while (!tryLock(file.fd)) await after(PAUSE);
      try {
        await raise(file, resource, token, shared);
        return await request();
      } finally {
        unlock(file.fd);
      }
    } finally {
      await file.close();
    }
  }
}

/** Before the request is carried out: what was seen must not depend on whether it succeeds. */
async function raise(file: FileHandle, resource: string, token: number, shared: boolean): Promise<void> {
  const [ofAll = 0, ofAlone = 0] = (await file.readFile('utf8')).split(' ').map(Number);
  const floor = shared ? ofAlone : ofAll;
  if (token < floor) throw new StaleTokenError(resource, token, floor);
  const floors = [Math.max(ofAll, token), shared ? ofAlone : token];
  // They only grow, so the new text covers the old one.
  if (floors[0] !== ofAll || floors[1] !== ofAlone) await file.write(floors.join(' '), 0);
}
