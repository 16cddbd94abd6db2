import { existsSync } from 'node:fs';
import type { Clock } from '../../../common/clock.js';
import { ownerElusive, ownerSilent } from '../file.messages.js';
import { LockFile } from '../kernel/lock-file.js';
import type { NativeLock } from '../kernel/native-lock.js';
import type { OwnerRecord } from './owner-record.js';
import type { Peers } from '../peers/peers.js';

/** How long the holder gets to answer, ms: it needs well under one. */
const LONGEST_WAIT = 1000;
const PAUSE = 10;

/**
 * Makes the holder of a lock let go of it: only the process that has a file locked can unlock it.
 *
 * @returns false when nobody holds it.
 * @throws BackendUnavailableError when the holder does not answer within a second, or each one has let go before it is asked.
 */
export async function breakLock(
  name: string,
  path: string,
  native: NativeLock,
  peers: Peers,
  clock: Clock,
): Promise<boolean> {
  const end = clock.monotonic() + LONGEST_WAIT;
  let owner: OwnerRecord | undefined;
  /** Leases that were over when their holder was asked. */
  const notHeld = new Set<string>();
  for (let left = LONGEST_WAIT; left > 0; left = end - clock.monotonic()) {
    if (isFree(path, native)) return false;
    owner = LockFile.read(path);
    if (owner) {
      const reply = await peers.break(owner.socket, owner.grantId, left);
      if (reply === 'broken') return true;
      if (reply === 'unheld') notHeld.add(owner.grantId);
    }
    // The record was that of the one before: the next one is being written.
    await new Promise<void>((resolve) => void clock.setTimer(PAUSE, resolve));
  }
  throw notHeld.size > 1 ? ownerElusive(name) : ownerSilent(name, owner);
}

function isFree(path: string, native: NativeLock): boolean {
  if (!existsSync(path)) return true;
  const file = LockFile.take(path, native);
  file?.free();
  return file !== undefined;
}
