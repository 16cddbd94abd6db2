import { randomUUID } from 'node:crypto';
import type { Claim, Grant, Holder } from '../../driver.js';
import { brokenBy, fileGone, type LockFile } from '../kernel/index.js';
import type { Holder as WakeHolder } from '../peers/index.js';

interface Held {
  readonly grant: Grant;
  readonly file: LockFile;
  readonly onRevoked: Claim['onRevoked'];
}

/** The locks that this driver holds, each one an open and locked file. */
export class HeldLocks implements WakeHolder {
  #byName = new Map<string, Held>();
  #nameOf = new Map<string, string>();

  /** @param onFreed gets every grant that has ended, after its file is unlocked */
  constructor(private readonly onFreed: (grant: Grant) => void) {}

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  add(grant: Grant, file: LockFile, onRevoked: Claim['onRevoked']): void {
    this.#byName.set(grant.name, { grant, file, onRevoked });
    this.#nameOf.set(grant.id, grant.name);
  }

  /** True while the grant holds the lock: its file is locked, and is still the one that other processes would lock. */
  isHeld(grant: Grant): boolean {
    const held = this.#byName.get(grant.name);
    return held?.grant.id === grant.id && held.file.isInPlace();
  }

  /** Ends a grant, even if it throws; false if the grant no longer held the lock. */
  free(grant: Grant): boolean {
    const held = this.#byName.get(grant.name);
    if (held?.grant.id !== grant.id) return false;
    try {
      return held.file.isInPlace();
    } finally {
      this.#drop(held);
    }
  }

  /** Ends a grant, and keeps the file locked for a new grant without an owner; undefined if the first one no longer held the lock. */
  keep(grant: Grant): Grant | undefined {
    const held = this.#byName.get(grant.name);
    if (held?.grant.id !== grant.id) return undefined;
    this.#nameOf.delete(grant.id);
    const kept = { ...grant, id: randomUUID() };
    this.add(kept, held.file, () => undefined);
    return kept;
  }

  onRevokedOf(grant: Grant): Claim['onRevoked'] | undefined {
    const held = this.#byName.get(grant.name);
    return held?.grant.id === grant.id ? held.onRevoked : undefined;
  }

  holderOf(name: string): Holder | undefined {
    const held = this.#byName.get(name);
    return held?.file.isInPlace() ? { name, key: name, id: held.grant.id, holds: 'yes' } : undefined;
  }

  /** As `holderOf`, by the grant. Its name is whole, unlike the one in the lock's file. */
  holderWith(grantId: string): Holder | undefined {
    const name = this.#nameOf.get(grantId);
    return name === undefined ? undefined : this.holderOf(name);
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
    this.#revoke(held, brokenBy(pid));
    return true;
  }

  /** The grants that are held at this moment. */
  grants(): Grant[] {
    return Array.from(this.#byName.values(), ({ grant }) => grant);
  }

  /** Ends a grant whose file other processes would no longer lock. Throws when the file cannot be checked. */
  loseIfGone(grant: Grant): void {
    const held = this.#byName.get(grant.name);
    if (held?.grant.id === grant.id && !held.file.isInPlace()) this.#revoke(held, fileGone(held.file.path));
  }

  #revoke(held: Held, message: string): void {
    try {
      this.#drop(held);
    } catch {
      // The system complained, but the file is closed and blocks no other process. The holder must learn of the loss all the same.
    }
    held.onRevoked({ reason: 'broken', message });
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
