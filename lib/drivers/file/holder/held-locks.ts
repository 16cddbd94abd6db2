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

  /** @param onFreed is told every grant that has ended, after its file is unlocked. */
  constructor(private readonly onFreed: (grant: Grant) => void) {}

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  add(grant: Grant, file: LockFile, onRevoked: Claim['onRevoked']): void {
    this.#byName.set(grant.name, { grant, file, onRevoked });
    this.#nameOf.set(grant.id, grant.name);
  }

  /** True while the grant holds the lock: its file is locked, and still the one that others would lock. */
  isHeld(grant: Grant): boolean {
    const held = this.#byName.get(grant.name);
    return held?.grant.id === grant.id && held.file.isInPlace();
  }

  /** Ends a grant, also where it throws; false if it did not hold the lock any more. */
  free(grant: Grant): boolean {
    const held = this.#byName.get(grant.name);
    if (held?.grant.id !== grant.id) return false;
    try {
      return held.file.isInPlace();
    } finally {
      this.#drop(held);
    }
  }

  /** Ends a grant, and keeps the file locked for another one that nobody has; undefined if it did not hold the lock any more. */
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

  /** Its name is not cut here. */
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

  /** Those that are held at this moment. */
  grants(): Grant[] {
    return Array.from(this.#byName.values(), ({ grant }) => grant);
  }

  /** Ends a grant whose file is not the one that others would lock. Throws when that cannot be seen. */
  loseIfGone(grant: Grant): void {
    const held = this.#byName.get(grant.name);
    if (held?.grant.id === grant.id && !held.file.isInPlace()) this.#revoke(held, fileGone(held.file.path));
  }

  #revoke(held: Held, message: string): void {
    try {
      this.#drop(held);
    } catch {
      // The system complained, but the file is closed, so nobody is kept off. The holder has to be told all the same.
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
