import { Injectable } from '@nestjs/common';
import { Cron, CronExpression } from '@nestjs/schedule';
import { CoordinatorService, currentRun, RunOnce } from 'nestjs-coordination';
import { heldLease } from '../common/held-lease.js';
import { pathOf, SHARES } from '../shares/share.js';
import { Disk } from '../storage/disk.js';
import type { Permit } from '../storage/permit.js';
import { Volumes } from '../storage/volumes.js';

const REPORT = 'usage.log';

/** Adds a line to a report once a second: which tick, how many GiB there are, who counted. */
@Injectable()
export class UsageJob {
  constructor(
    private readonly disk: Disk,
    private readonly volumes: Volumes,
    private readonly coordinator: CoordinatorService,
  ) {}

  /**
   * Every replica's clock ticks, and those of the demonstration are set apart. One replica runs each tick: the tick is the same on all
   * of them, and a record says which one was the last to begin.
   */
  @Cron(CronExpression.EVERY_SECOND, { name: 'usage' })
  @RunOnce()
  async report(): Promise<void> {
    // Nothing is overwritten: a line that comes late is still the line of its tick, so no token is needed.
    const permit: Permit = { resource: REPORT, token: undefined, signal: heldLease().signal };
    const ids = await this.volumes.list(SHARES);
    const sizes = await Promise.all(ids.map((id) => this.volumes.size(pathOf({ id }))));
    const total = sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
    await this.disk.work();
    const tick = currentRun()?.tick.toISOString();
    await this.disk.append(REPORT, `${tick} ${total} GiB ${this.coordinator.agentId}\n`, permit);
  }
}
