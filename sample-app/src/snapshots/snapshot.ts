import type { Share } from '../shares/share.js';

export interface Snapshot {
  readonly name: string;
}

export interface SnapshotView extends Snapshot {
  /** In GiB. */
  readonly size: number;
}

export function snapshotsOf(share: Share): string {
  return `snapshots/${share.id}`;
}

export function pathOfSnapshot(share: Share, snap: Snapshot): string {
  return `${snapshotsOf(share)}/${snap.name}`;
}
