import type { Lease } from 'nestjs-coordination';
import type { Permit } from '../storage/permit.js';

/** A share, as far as it never changes: all else is read under its lock. */
export interface Share {
  readonly id: string;
}

export interface ShareView extends Share {
  /** In GiB. */
  readonly size: number;
}

/** Of everything that changes a share. What only needs it to stand still shares the lock. */
export const SHARE_LOCK = 'share-<share.id>';

/** Of what moves something from one share to another: both locks, or none. */
export const BOTH_SHARES_LOCK = ['share-<from.id>', 'share-<to.id>'];

export const SHARES = 'shares';

export function pathOf(share: Share): string {
  return `${SHARES}/${share.id}`;
}

/** For the share and its snapshots: they have one lock. */
export function permitOnShare(share: Share, lease: Lease, shared = false): Permit {
  const { signal } = lease;
  return { resource: pathOf(share), token: lease.fencingTokenOf(`share-${share.id}`), shared, signal };
}
