/**
 * What an acquisition comes to: the fencing token of the lock, or nothing.
 * @publicApi
 */
export type LockAcquireResult =
  { readonly acquired: true; readonly fencingToken: number } | { readonly acquired: false };

/**
 * The three calls that `@nestjs/locks` makes of a store. They are written down here, so that nobody has to install that package.
 * @publicApi
 */
export interface SharedLockStore {
  acquire(key: string, owner: string, ttl: number): Promise<LockAcquireResult>;
  renew(key: string, owner: string, ttl: number): Promise<boolean>;
  release(key: string, owner: string): Promise<boolean>;
}

/**
 * Where a store makes itself known: the `LocksStorage` of `@nestjs/locks`.
 * @publicApi
 */
export interface LockStoreRegistry {
  registerSource(store: SharedLockStore): void;
}
