import { ConflictException, Injectable, NotFoundException } from '@nestjs/common';
import { Synchronized } from 'nestjs-coordination';
import { heldLease } from '../common/held-lease.js';
import { pathOf, permitOnShare, type Share, SHARE_LOCK } from '../shares/share.js';
import { Volumes } from '../storage/volumes.js';
import type { AccessRule } from './access-rule.js';
import { ExportsFile } from './exports.file.js';

@Injectable()
export class AccessService {
  constructor(
    private readonly volumes: Volumes,
    private readonly exports: ExportsFile,
  ) {}

  list(share: Share): Promise<AccessRule[]> {
    return this.exports.rulesOf(share);
  }

  /** Under the lock of the share too, so that no rule is added to a share that is being deleted. */
  @Synchronized(SHARE_LOCK)
  async allow(share: Share, rule: AccessRule): Promise<AccessRule> {
    const permit = permitOnShare(share, heldLease());
    if ((await this.volumes.size(pathOf(share), permit)) === undefined) {
      throw new NotFoundException(`there is no share ${share.id}`);
    }
    if (!(await this.exports.add(share, rule))) {
      throw new ConflictException(`${rule.to} has access to share ${share.id} already`);
    }
    return rule;
  }

  async deny(share: Share, to: string): Promise<void> {
    if (!(await this.exports.remove(share, to))) {
      throw new NotFoundException(`${to} has no access to share ${share.id}`);
    }
  }
}
