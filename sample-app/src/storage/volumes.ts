import { Injectable } from '@nestjs/common';
import { Disk } from './disk.js';
import type { Permit } from './permit.js';

/**
 * What a share and a snapshot are on disk: a directory with a line in `extents` for every GiB, and their number in
 * `quota`. It exists while it has its quota file, which therefore comes last and goes first. No transaction spans
 * the two files: what keeps them together is the lock of the share.
 */
export interface Volume {
  readonly size: number;
  readonly extents: readonly string[];
}

@Injectable()
export class Volumes {
  constructor(private readonly disk: Disk) {}

  /**
   * @param permit when something is done because of the answer
   * @returns in GiB; undefined when there is no such volume
   */
  async size(path: string, permit?: Permit): Promise<number | undefined> {
    const quota = await this.disk.read(`${path}/quota`, permit);
    return quota === undefined ? undefined : Number.parseInt(quota, 10);
  }

  /** @returns undefined when there is no such volume */
  async read(path: string, permit: Permit): Promise<Volume | undefined> {
    const size = await this.size(path, permit);
    if (size === undefined) return undefined;
    const lines = ((await this.disk.read(`${path}/extents`, permit)) ?? '').split('\n').filter(Boolean);
    // A replica that was killed in the middle leaves extents that nobody was promised: a lock rolls nothing back.
    return { size, extents: lines.slice(0, size) };
  }

  /** In this order the extents cover the quota at every moment, whether the volume grows or shrinks. */
  async write(path: string, volume: Volume, permit: Permit): Promise<void> {
    const extents = volume.extents.map((extent) => `${extent}\n`).join('');
    const grows = volume.size > ((await this.size(path, permit)) ?? 0);
    if (grows) await this.disk.write(`${path}/extents`, extents, permit);
    await this.disk.work();
    await this.disk.write(`${path}/quota`, `${volume.size}\n`, permit);
    if (!grows) await this.disk.write(`${path}/extents`, extents, permit);
  }

  /** File by file, as they are; the original has to stand still meanwhile. */
  async copy(from: string, to: string, permit: Permit): Promise<void> {
    await this.disk.write(`${to}/extents`, (await this.disk.read(`${from}/extents`, permit)) ?? '', permit);
    await this.disk.work();
    await this.disk.write(`${to}/quota`, (await this.disk.read(`${from}/quota`, permit)) ?? '', permit);
  }

  async remove(path: string, permit: Permit): Promise<void> {
    await this.disk.remove(`${path}/quota`, permit);
    await this.disk.work();
    await this.disk.remove(path, permit);
  }

  /** The names of the volumes in a directory, in alphabetical order. */
  async list(path: string, permit?: Permit): Promise<string[]> {
    const names = (await this.disk.list(path, permit)).sort();
    const sizes = await Promise.all(names.map((name) => this.size(`${path}/${name}`, permit)));
    return names.filter((_, index) => sizes[index] !== undefined);
  }
}
