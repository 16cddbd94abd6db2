/**
 * The result of an acquisition: the fencing token of the lock, or nothing.
 * @publicApi
 */
export type LockAcquireResult =
  { readonly acquired: true; readonly fencingToken: number } | { readonly acquired: false };

/**
 * The three calls that `@nestjs/locks` makes of a store. They are declared here, so that an application need not install that package.
 * @publicApi
 */
export interface SharedLockStore {
  /** One try. @param ttl ms @returns whether the owner has the lock, and its token */
  acquire(key: string, owner: string, ttl: number): Promise<LockAcquireResult>;
  /** Makes a lease last longer. @param ttl ms from now @returns whether the owner still has the lock */
  renew(key: string, owner: string, ttl: number): Promise<boolean>;
  /** Gives the lock back. @returns whether the owner still had it */
  release(key: string, owner: string): Promise<boolean>;
}

/**
 * The registry of stores: the `LocksStorage` of `@nestjs/locks`.
 * @publicApi
 */
export interface LockStoreRegistry {
  /** Called once, by the constructor of the store. */
  registerSource(store: SharedLockStore): void;
}
