import { existsSync } from 'node:fs';
import type { Clock } from '../../../common/clock.js';
import type { Holder } from '../../driver.js';
import { LockFile, type NativeLock, type OwnerRecord, ownerSilent } from '../kernel/index.js';
import type { Peers } from '../peers/index.js';

/** How long the holder gets to answer, ms: it needs well under 1 ms. */
const LONGEST_WAIT = 1000;
const PAUSE = 10;

interface Target {
  readonly name: string;
  /** The id of the lease; '' when the record did not tell. */
  readonly id: string;
  readonly path: string;
}

interface Share {
  readonly name: string;
  readonly id: string;
  readonly sharerOf: () => { readonly socket: string | undefined } | undefined;
}

/** The holder of a lock, as its file tells. */
export function holderOf(path: string, native: NativeLock): Holder | undefined {
  if (!LockFile.isTaken(path, native)) return undefined;
  const owner = LockFile.read(path);
  const name = owner?.name ?? '';
  return { name, key: name, id: owner?.grantId ?? '', memberId: owner?.memberId, holds: 'yes' };
}

/**
 * Makes the holder of a lock let go of it: only the process that locked a file can unlock it.
 *
 * @returns false when that lease does not hold it any more
 * @throws BackendUnavailableError when the holder does not answer within a second
 */
export async function breakLock(
  { name, id, path }: Target,
  native: NativeLock,
  peers: Peers,
  clock: Clock,
): Promise<boolean> {
  const end = clock.monotonic() + LONGEST_WAIT;
  let owner: OwnerRecord | undefined;
  let wanted = id;
  for (let left = LONGEST_WAIT; left > 0; left = end - clock.monotonic()) {
    if (isFree(path, native)) return false;
    owner = LockFile.read(path);
    if (owner) {
      wanted ||= owner.grantId;
      if (owner.grantId !== wanted) return false;
      const reply = await peers.break(owner.socket, owner.grantId, left);
      if (reply === 'broken') return true;
    }
    // The record was that of the holder before: the present one is still writing its own.
    await pause(clock);
  }
  throw ownerSilent(name, owner);
}

/**
 * Makes the holder of a share let go of it.
 *
 * @param share with the driver that has it at present, and its socket if that is known
 * @returns false when no driver has it any more
 * @throws BackendUnavailableError when the holder does not answer within a second
 */
export async function breakShare(
  { name, id, sharerOf }: Share,
  peers: Peers,
  clock: Clock,
): Promise<boolean> {
  const end = clock.monotonic() + LONGEST_WAIT;
  for (let left = LONGEST_WAIT; left > 0; left = end - clock.monotonic()) {
    const sharer = sharerOf();
    if (!sharer) return false;
    if (sharer.socket !== undefined) {
      const reply = await peers.break(sharer.socket, id, left);
      if (reply === 'broken' || reply === 'unheld') return reply === 'broken';
    }
    // Its process is about to end, or to be noticed as one whose instance is gone.
    await pause(clock);
  }
  throw ownerSilent(name, undefined);
}

function pause(clock: Clock): Promise<void> {
  return new Promise((resolve) => void clock.setTimer(PAUSE, resolve));
}

function isFree(path: string, native: NativeLock): boolean {
  if (!existsSync(path)) return true;
  const file = LockFile.take(path, native);
  file?.free();
  return file !== undefined;
}
