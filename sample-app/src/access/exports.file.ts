import { Injectable } from '@nestjs/common';
import { Synchronized } from 'nestjs-coordination';
import { heldLease } from '../common/held-lease.js';
import type { Share } from '../shares/share.js';
import { Disk } from '../storage/disk.js';
import { type Permit, permitOn } from '../storage/permit.js';
import type { AccessRule } from './access-rule.js';

/** One for all shares, so that this file is where all replicas meet. Taken inside the lock of a share, never around it. */
const EXPORTS_LOCK = 'exports';

const EXPORTS = 'exports';
/** What is behind it is left of a longer text, by a replica that was killed while it wrote. */
const END = '# end';

/** The access rules of all shares, a line for each: `/<share> <client>(<level>)`. It can only be rewritten as a whole. */
@Injectable()
export class ExportsFile {
  constructor(private readonly disk: Disk) {}

  @Synchronized(EXPORTS_LOCK)
  async rulesOf(share: Share): Promise<AccessRule[]> {
    const lines = (await this.#lines(currentPermit())).filter((line) => line.startsWith(`/${share.id} `));
    return lines.map((line) => {
      const [to = '', level] = line.slice(share.id.length + 2, -1).split('(');
      return { to, level: level === 'rw' ? 'rw' : 'ro' };
    });
  }

  /** @returns false when this client has a rule already */
  @Synchronized(EXPORTS_LOCK)
  async add(share: Share, { to, level }: AccessRule): Promise<boolean> {
    const permit = currentPermit();
    const lines = await this.#lines(permit);
    if (lines.some((line) => line.startsWith(`/${share.id} ${to}(`))) return false;
    await this.#rewrite([...lines, `/${share.id} ${to}(${level})`], permit);
    return true;
  }

  /** @returns false when this client has no rule */
  @Synchronized(EXPORTS_LOCK)
  async remove(share: Share, to: string): Promise<boolean> {
    return this.#removeLinesOf(`/${share.id} ${to}(`, currentPermit());
  }

  @Synchronized(EXPORTS_LOCK)
  async removeAll(share: Share): Promise<void> {
    await this.#removeLinesOf(`/${share.id} `, currentPermit());
  }

  async #removeLinesOf(start: string, permit: Permit): Promise<boolean> {
    const lines = await this.#lines(permit);
    const kept = lines.filter((line) => !line.startsWith(start));
    if (kept.length === lines.length) return false;
    await this.#rewrite(kept, permit);
    return true;
  }

  async #lines(permit: Permit): Promise<string[]> {
    const lines = ((await this.disk.read(EXPORTS, permit)) ?? END).split('\n');
    return lines.slice(0, lines.indexOf(END));
  }

  async #rewrite(lines: readonly string[], permit: Permit): Promise<void> {
    await this.disk.work();
    await this.disk.write(EXPORTS, [...lines, END, ''].join('\n'), permit);
  }
}

function currentPermit(): Permit {
  return permitOn(EXPORTS, heldLease());
}
