import { BackendUnavailableError } from '../../errors.js';
import type { Holder } from '../driver.js';
import { AT_ONCE, type FileParts, nextTurn } from './file-parts.js';
import { breakLock, breakShare, holderOf } from './holder/index.js';
import { lockFiles } from './housekeeping.js';
import { failedOn, LockFile, look, shorten } from './kernel/index.js';

/** Finds the holders of locks, and takes locks away from them: holders in this driver, sharers of a file, and the process that locked it. */
export class LockHolders {
  constructor(private readonly parts: FileParts) {}

  async of(name: string): Promise<readonly Holder[]> {
    const { directory, calls, heldLocks } = this.parts;
    const { native, shares } = this.parts.running();
    const path = directory.lock(name);
    const sharers = calls.attempt('look at', name, path, () => shares.holdersOf(name));
    if (sharers.length > 0) return sharers;
    const held = calls.attempt('look at', name, path, () => heldLocks.holderOf(name));
    if (held) return [held];
    const holder = calls.attempt('look at', name, path, () => holderOf(path, native));
    return holder ? [{ ...holder, name, key: name }] : [];
  }

  async list(): Promise<readonly Holder[]> {
    const { clock, directory, calls, heldLocks } = this.parts;
    const { native, shares } = this.parts.running();
    const { locks } = directory;
    const holders: Holder[] = [];
    const files = calls.attempt('list the locks', undefined, locks, () => lockFiles(locks));
    for (const [index, path] of files.entries()) {
      if (index % AT_ONCE === AT_ONCE - 1) await nextTurn(clock);
      const [sharers, holder] = calls.attempt('list the locks', undefined, path, () => {
        const name = linksOf(path) > 1 ? LockFile.read(path)?.name : undefined;
        return [name === undefined ? [] : shares.holdersOf(name), holderOf(path, native)];
      });
      if (sharers.length > 0) holders.push(...sharers);
      else if (holder) holders.push(heldLocks.holderWith(holder.id) ?? holder);
    }
    return holders;
  }

  async revoke({ name, id }: Holder): Promise<boolean> {
    const { clock, directory, calls, heldLocks, peers } = this.parts;
    const { native, shares } = this.parts.running();
    if (heldLocks.revoke(id, process.pid) || shares.revoke(id, process.pid)) return true;
    const sharerOf = () => calls.attempt('break', name, undefined, () => shares.sharerOf(name, id));
    if (sharerOf()) return breakShare({ name, id, sharerOf }, peers, clock);
    const path = directory.lock(name);
    try {
      return await breakLock({ name, id, path }, native, peers, clock);
    } catch (error) {
      throw error instanceof BackendUnavailableError
        ? error
        : failedOn(path, `break ${shorten(name)}`, error);
    }
  }
}

function linksOf(path: string): number {
  return Number(look(path)?.nlink ?? 0);
}
