import { randomUUID } from 'node:crypto';
import type { Claim, Downgrade, Grant, Granted, Holder, LockStore, RenewOutcome, Taken } from '../driver.js';
import { nextFencingToken } from '../fencing-token.js';
import type { FileParts } from './file-parts.js';
import { failedOn, LockFile, seatGone } from './kernel/index.js';
import { LockHolders } from './lock-holders.js';

/** How often a shared claim tries to lock the file. */
const MOST_TRIES = 4;
export const TAKEN: Taken = { granted: false };

/** The locks of this driver: a lock is a file in one directory, locked by the kernel for its holder. */
export class FileLocks implements LockStore {
  readonly #holders: LockHolders;

  constructor(private readonly context: FileParts) {
    this.#holders = new LockHolders(context);
  }

  keyOf(name: string): string {
    return name;
  }

  async acquire(request: Claim): Promise<Granted | Taken> {
    const { queues } = this.context.running();
    return this.takeAsNewcomer(request, () => queues.inspect(request.name));
  }

  /** Waiters go first, even if the lock is free at this moment. */
  takeAsNewcomer(request: Claim, onBehind?: () => void): Granted | Taken {
    const { queues } = this.context.running();
    let behind = false;
    // Each ticket is one more link to the lock's file.
    const reply = this.take(request, (links) => {
      behind = links > 1 && queues.isWaitedFor(request.name);
      return !behind;
    });
    if (behind) onBehind?.();
    return reply;
  }

  /** @param admits gets the number of links to the file, and decides whether to try at all */
  take(request: Claim, admits?: (links: number) => boolean): Granted | Taken {
    const { native, shares } = this.context.running();
    const { name, mode } = request;
    if (this.context.heldLocks.has(name)) return TAKEN;
    const path = this.context.directory.lock(name);
    const shared = mode === 'shared';
    const isVacant = shared ? undefined : () => !shares.isShared(name);
    const tryOnce = (): LockFile | undefined =>
      this.context.calls.attempt('lock', name, path, () => LockFile.take(path, native, admits, isVacant));
    let file = tryOnce();
    // Another process may be making a share at this moment: it then has the file locked for some µs.
    if (shared) for (let tries = 1; !file && tries < MOST_TRIES; tries += 1) file = tryOnce();
    if (!file) {
      this.context.health.reached();
      return TAKEN;
    }
    try {
      return this.#hold(file, request);
    } catch (error) {
      freeQuietly(file);
      throw error;
    }
  }

  /** Makes a lease of a locked file; if it throws, there is no lease. */
  #hold(file: LockFile, request: Claim): Granted | Taken {
    const { instance, guard, floor, shares } = this.context.running();
    const { name, key, tokens, mode } = request;
    const { path } = file;
    this.context.calls.attempt('lock', name, path, () => guard.confirm(file));
    this.context.health.reached();
    if (mode === 'shared') this.#mustBeSeen(name);
    const id = randomUUID();
    const owner = {
      pid: process.pid,
      memberId: request.memberId,
      grantId: id,
      socket: instance.socket,
      name,
    };
    // The counter is the last of the reserved tokens. A new file may belong to a name whose old file was removed: hence the floor.
    const count =
      tokens > 0
        ? (last: number) => nextFencingToken(last || floor.read(), this.context.clock.wall()) + tokens - 1
        : undefined;
    // A lock is granted only once it is written down. Without its record no process could find the holder, and without its token
    // the next lease could get the same token.
    const counter = this.context.calls.store(name, path, () => file.store(owner, count));
    const reserved = tokens > 0 && { tokens: { first: counter - tokens + 1, count: tokens } };
    if (mode === 'shared') {
      const grant = this.context.calls.store(name, path, () =>
        shares.add({ name, key, ...reserved }, request.onRevoked),
      );
      freeQuietly(file);
      return { granted: true, grant };
    }
    const grant: Grant = { name, key, id, ...reserved };
    this.context.heldLocks.add(grant, file, request.onRevoked);
    return { granted: true, grant };
  }

  /** A lease of this driver lasts as long as its process: there is nothing to renew, and the layer above never calls this. */
  async renew(grants: readonly Grant[]): Promise<readonly RenewOutcome[]> {
    return grants.map((grant) =>
      this.context.heldLocks.isHeld(grant) || this.context.running().shares.isHeld(grant)
        ? { kind: 'renewed' }
        : {
            kind: 'lost',
            loss: { reason: 'broken', message: 'the lock file is not locked by this lease any more' },
          },
    );
  }

  async release(grant: Grant, keepFor = 0): Promise<boolean> {
    return this.context.calls.attempt('free', grant.name, undefined, () =>
      keepFor > 0
        ? this.#keep(grant, keepFor)
        : (this.context.shares()?.free(grant) ?? this.context.heldLocks.free(grant)),
    );
  }

  /** Makes the share before it frees the file. If no share can be made, the lease stays exclusive. */
  downgrade(grant: Grant): Downgrade {
    const { name, key, tokens } = grant;
    const { calls, heldLocks } = this.context;
    const { shares } = this.context.running();
    this.#mustBeSeen(name);
    const share = calls.attempt('share', name, undefined, () => {
      const onRevoked = heldLocks.isHeld(grant) && heldLocks.onRevokedOf(grant);
      return onRevoked && shares.add(tokens ? { name, key, tokens } : { name, key }, onRevoked);
    });
    if (!share) return { grant, done: Promise.resolve(false) };
    return { grant: share, done: Promise.resolve(this.#freeShared(grant)) };
  }

  holders(name: string): Promise<readonly Holder[]> {
    return this.#holders.of(name);
  }

  revoke(holder: Holder): Promise<boolean> {
    return this.#holders.revoke(holder);
  }

  list(): Promise<readonly Holder[]> {
    return this.#holders.list();
  }

  /** @throws BackendUnavailableError when others would not respect a share of this driver, though the back end is well otherwise */
  #mustBeSeen(name: string): void {
    const { instance } = this.context.running();
    const { instancesFolder } = this.context.directory;
    if (!this.context.calls.attempt('share', name, instancesFolder, () => instance.isInPlace()))
      throw seatGone(instancesFolder);
  }

  /** Keeps the file locked for `ms` ms more, but not longer than this process lives. */
  #keep(grant: Grant, ms: number): boolean {
    const shares = this.context.shares();
    const endShare = shares?.keep(grant);
    if (endShare) {
      this.context.clock.setTimer(ms, endShare, 'background');
      return true;
    }
    const kept = this.context.heldLocks.keep(grant);
    if (!kept) return false;
    // The timer comes before the look, which may throw.
    this.context.clock.setTimer(ms, () => this.#freeKept(kept), 'background');
    return this.context.heldLocks.isHeld(kept);
  }

  /** Frees the file beside a new share. The file is closed even if that throws, and the heartbeat looks after the share. */
  #freeShared(grant: Grant): boolean {
    try {
      return this.context.heldLocks.free(grant);
    } catch {
      // See above.
      return true;
    }
  }

  #freeKept(kept: Grant): void {
    try {
      this.context.heldLocks.free(kept);
    } catch (error) {
      // The file is closed all the same.
      this.context.warn(failedOn(this.context.directory.lock(kept.name), 'free', error).message);
    }
  }
}

/** Frees the file and drops an error: the caller has a failure that tells more, or its grant stands already. The file is closed anyhow. */
function freeQuietly(file: LockFile): void {
  try {
    file.free();
  } catch {
    // See above.
  }
}
