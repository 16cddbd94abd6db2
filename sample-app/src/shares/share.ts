import type { Lease } from 'nestjs-coordination';
import { type Permit, permitOn } from '../storage/permit.js';

/** A share, as far as it never changes: all else is read under its lock. */
export interface Share {
  readonly id: string;
}

export interface ShareView extends Share {
  /** In GiB. */
  readonly size: number;
}

/** Of everything that changes a share, or needs it to stand still. */
export const SHARE_LOCK = 'share-<share.id>';

export const SHARES = 'shares';

export function pathOf(share: Share): string {
  return `${SHARES}/${share.id}`;
}

/** For the share and its snapshots: they have one lock. */
export function permitOnShare(share: Share, lease: Lease): Permit {
  return permitOn(pathOf(share), lease);
}
