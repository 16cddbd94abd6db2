import type { AcquireRequest, Grant } from '../driver.js';
import { brokenBy } from './file.messages.js';
import type { LockFile } from './lock-file.js';
import type { Holder } from './wake-server.js';

interface Held {
  readonly grant: Grant;
  readonly file: LockFile;
  readonly onRevoked: AcquireRequest['onRevoked'];
}

/** The locks that this driver holds, each one an open and locked file. */
export class Holdings implements Holder {
  #byName = new Map<string, Held>();
  #nameOf = new Map<string, string>();

  /** @param onFreed is told every grant that has ended, after its file is unlocked. */
  constructor(private readonly onFreed: (grant: Grant) => void) {}

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  add(grant: Grant, file: LockFile, onRevoked: AcquireRequest['onRevoked']): void {
    this.#byName.set(grant.name, { grant, file, onRevoked });
    this.#nameOf.set(grant.id, grant.name);
  }

  /** True while the grant holds the lock: its file is locked, and still the one that others would lock. */
  isHeld(grant: Grant): boolean {
    const held = this.#byName.get(grant.name);
    return held?.grant.id === grant.id && held.file.isInPlace();
  }

  /** Ends a grant; false if it did not hold the lock any more. */
  free(grant: Grant): boolean {
    const held = this.#byName.get(grant.name);
    if (held?.grant.id !== grant.id) return false;
    const inPlace = held.file.isInPlace();
    this.#drop(held);
    return inPlace;
  }

  holds(grantId: string): boolean {
    return this.#nameOf.has(grantId);
  }

  revoke(grantId: string, pid: number): boolean {
    const name = this.#nameOf.get(grantId);
    return name !== undefined && this.revokeName(name, pid);
  }

  revokeName(name: string, pid: number): boolean {
    const held = this.#byName.get(name);
    if (!held) return false;
    this.#drop(held);
    held.onRevoked({ reason: 'broken', message: brokenBy(pid) });
    return true;
  }

  #drop({ grant, file }: Held): void {
    this.#byName.delete(grant.name);
    this.#nameOf.delete(grant.id);
    try {
      file.free();
    } finally {
      this.onFreed(grant);
    }
  }
}
