import { Injectable } from '@nestjs/common';
import { Cron, CronExpression } from '@nestjs/schedule';
import { CoordinatorService, Synchronized } from 'nestjs-coordination';
import { heldLease } from '../common/held-lease.js';
import { pathOf, SHARES } from '../shares/share.js';
import { Disk } from '../storage/disk.js';
import { permitOn } from '../storage/permit.js';
import { Volumes } from '../storage/volumes.js';

const REPORT = 'usage.log';
/** Of the schedule, ms. */
const PERIOD = 1000;

/** Adds a line to a report once a second: which tick, how many GiB there are, who counted. */
@Injectable()
export class UsageJob {
  constructor(
    private readonly disk: Disk,
    private readonly volumes: Volumes,
    private readonly coordinator: CoordinatorService,
  ) {}

  /**
   * Every replica's clock ticks; whoever finds the lock taken leaves the tick to its holder. A replica that comes when
   * the holder has already finished would find the lock free: a lock says not now, never not again. So the report
   * itself tells whether this tick was done.
   */
  @Cron(CronExpression.EVERY_SECOND)
  @Synchronized('usage-<fName>', { onNotAcquired: 'skip' })
  async report(): Promise<void> {
    const permit = permitOn(REPORT, heldLease());
    const tick = Math.round(Date.now() / PERIOD);
    const lines = ((await this.disk.read(REPORT, permit)) ?? '').split('\n');
    if (lines.some((line) => line.startsWith(`${tick} `))) return;
    const ids = await this.volumes.list(SHARES);
    const sizes = await Promise.all(ids.map((id) => this.volumes.size(pathOf({ id }))));
    const total = sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
    await this.disk.work();
    await this.disk.append(REPORT, `${tick} ${total} GiB ${this.coordinator.agentId}\n`, permit);
  }
}
