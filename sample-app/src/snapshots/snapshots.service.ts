import { ConflictException, Injectable, NotFoundException } from '@nestjs/common';
import { CoordinatorService, Lock, Synchronized } from 'nestjs-coordination';
import { pathOf, permitOnShare, type Share, SHARE_LOCK } from '../shares/share.js';
import type { Permit } from '../storage/permit.js';
import { Volumes } from '../storage/volumes.js';
import { Copies } from './copies.js';
import { pathOfSnapshot, type Snapshot, snapshotsOf, type SnapshotView } from './snapshot.js';

/**
 * One lock for each request: the same one, sent again while the first still runs, is refused at once (423). It does
 * not keep a `create` from an `extend`, nor from a `delete` of the same snapshot: those names differ. What protects
 * the data is the lock of the share, taken inside, and always in this order.
 */
const SAME_REQUEST = '<fName>-<share.id>-<snap[name]>';

@Injectable()
export class SnapshotsService {
  constructor(
    private readonly volumes: Volumes,
    private readonly copies: Copies,
    private readonly coordinator: CoordinatorService,
  ) {}

  async list(share: Share): Promise<SnapshotView[]> {
    const names = await this.volumes.list(snapshotsOf(share));
    return Promise.all(
      names.map(async (name) => ({
        name,
        size: (await this.volumes.size(pathOfSnapshot(share, { name }))) ?? 0,
      })),
    );
  }

  /** Snapshots of one share are taken side by side: a copy needs it to stand still, and changes nothing of it. */
  @Synchronized(SAME_REQUEST, { blocking: false })
  async create(share: Share, snap: Snapshot): Promise<SnapshotView> {
    return this.#underShareLock(share, true, async (permit) => {
      const copy = pathOfSnapshot(share, snap);
      const size = await this.#sizeOf(share, permit);
      if ((await this.volumes.size(copy, permit)) !== undefined) {
        throw new ConflictException(`share ${share.id} has a snapshot ${snap.name} already`);
      }
      await this.copies.copy(pathOf(share), copy, permit);
      return { ...snap, size };
    });
  }

  @Synchronized(SAME_REQUEST, { blocking: false })
  async revert(share: Share, snap: Snapshot): Promise<SnapshotView> {
    return this.#underShareLock(share, false, async (permit) => {
      await this.#sizeOf(share, permit);
      const volume = await this.volumes.read(pathOfSnapshot(share, snap), permit);
      if (!volume) throw notFound(share, snap);
      await this.volumes.write(pathOf(share), volume, permit);
      return { ...snap, size: volume.size };
    });
  }

  @Synchronized(SAME_REQUEST, { blocking: false })
  async delete(share: Share, snap: Snapshot): Promise<void> {
    await this.#underShareLock(share, false, async (permit) => {
      const path = pathOfSnapshot(share, snap);
      if ((await this.volumes.size(path, permit)) === undefined) throw notFound(share, snap);
      await this.volumes.remove(path, permit);
    });
  }

  #underShareLock<T>(share: Share, shared: boolean, body: (permit: Permit) => Promise<T>): Promise<T> {
    const lock = new Lock(SHARE_LOCK, { share }, this.coordinator, { shared });
    return lock.using((lease) => body(permitOnShare(share, lease, shared)));
  }

  /** Under the lock, for the share may have been deleted while this call waited for it. */
  async #sizeOf(share: Share, permit: Permit): Promise<number> {
    const size = await this.volumes.size(pathOf(share), permit);
    if (size === undefined) throw new NotFoundException(`there is no share ${share.id}`);
    return size;
  }
}

function notFound(share: Share, snap: Snapshot): NotFoundException {
  return new NotFoundException(`share ${share.id} has no snapshot ${snap.name}`);
}
