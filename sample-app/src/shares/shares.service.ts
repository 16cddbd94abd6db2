import { randomBytes } from 'node:crypto';
import { BadRequestException, ConflictException, Injectable, NotFoundException } from '@nestjs/common';
import { CoordinatorService, Lock, Synchronized } from 'nestjs-coordination';
import { ExportsFile } from '../access/exports.file.js';
import { heldLease } from '../common/held-lease.js';
import { snapshotsOf } from '../snapshots/snapshot.js';
import { type Volume, Volumes } from '../storage/volumes.js';
import type { Permit } from '../storage/permit.js';
import {
  BOTH_SHARES_LOCK,
  pathOf,
  permitOnShare,
  type Share,
  SHARE_LOCK,
  type ShareView,
  SHARES,
} from './share.js';

@Injectable()
export class SharesService {
  constructor(
    private readonly volumes: Volumes,
    private readonly exports: ExportsFile,
    private readonly coordinator: CoordinatorService,
  ) {}

  async list(): Promise<ShareView[]> {
    const ids = await this.volumes.list(SHARES);
    return Promise.all(ids.map(async (id) => ({ id, size: (await this.volumes.size(pathOf({ id }))) ?? 0 })));
  }

  /** Size and extents as of one moment; others may read at the same time, and take snapshots. */
  @Synchronized(SHARE_LOCK, { shared: true })
  async get(share: Share): Promise<ShareView & { readonly extents: number }> {
    const { size, extents } = await this.#read(share, permitOnShare(share, heldLease(), true));
    return { ...share, size, extents: extents.length };
  }

  async create(size: number): Promise<ShareView> {
    const share = { id: randomBytes(4).toString('hex') };
    // Nobody can know the id yet, so the lock is free; it is taken for its lease, which guards the writes.
    await new Lock(SHARE_LOCK, { share }, this.coordinator).using(async (lease) => {
      const volume = { size, extents: extents(1, size) };
      await this.volumes.write(pathOf(share), volume, permitOnShare(share, lease));
    });
    return { ...share, size };
  }

  @Synchronized(SHARE_LOCK)
  async extend(share: Share, by: number): Promise<ShareView> {
    const permit = permitOnShare(share, heldLease());
    const volume = await this.#read(share, permit);
    const size = volume.size + by;
    await this.volumes.write(
      pathOf(share),
      { size, extents: [...volume.extents, ...extents(volume.size + 1, by)] },
      permit,
    );
    return { ...share, size };
  }

  @Synchronized(SHARE_LOCK)
  async shrink(share: Share, by: number): Promise<ShareView> {
    const permit = permitOnShare(share, heldLease());
    const volume = await this.#read(share, permit);
    const size = volume.size - by;
    if (size < 1) throw new BadRequestException([`by must leave at least 1 of the ${volume.size} GiB`]);
    await this.volumes.write(pathOf(share), { size, extents: volume.extents.slice(0, size) }, permit);
    return { ...share, size };
  }

  /** Two moves in opposite directions do not wait for each other, as both take the two locks in one order. */
  @Synchronized(BOTH_SHARES_LOCK)
  async move(from: Share, to: Share, by: number): Promise<ShareView[]> {
    if (from.id === to.id) throw new BadRequestException(['a share has nothing to move to itself']);
    const lease = heldLease();
    const [source, target] = [permitOnShare(from, lease), permitOnShare(to, lease)];
    const [giving, taking] = [await this.#read(from, source), await this.#read(to, target)];
    const left = giving.size - by;
    if (left < 1) throw new BadRequestException([`by must leave at least 1 of the ${giving.size} GiB`]);
    const size = taking.size + by;
    await this.volumes.write(pathOf(from), { size: left, extents: giving.extents.slice(0, left) }, source);
    const more = extents(taking.size + 1, by);
    await this.volumes.write(pathOf(to), { size, extents: [...taking.extents, ...more] }, target);
    return [
      { ...from, size: left },
      { ...to, size },
    ];
  }

  /** Nobody can allow access or take a snapshot meanwhile: both hold the lock of the share. */
  @Synchronized(SHARE_LOCK)
  async delete(share: Share): Promise<void> {
    const permit = permitOnShare(share, heldLease());
    await this.#read(share, permit);
    const snapshots = await this.volumes.list(snapshotsOf(share), permit);
    if (snapshots.length > 0)
      throw new ConflictException(`delete its snapshots first: ${snapshots.join(', ')}`);
    await this.exports.removeAll(share);
    await this.volumes.remove(pathOf(share), permit);
  }

  /** Under the lock, for the share may have been deleted while this call waited for it. */
  async #read(share: Share, permit: Permit): Promise<Volume> {
    const volume = await this.volumes.read(pathOf(share), permit);
    if (!volume) throw new NotFoundException(`there is no share ${share.id}`);
    return volume;
  }
}

function extents(first: number, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `extent ${first + index}`);
}
