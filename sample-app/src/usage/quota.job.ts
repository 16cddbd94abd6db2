import { Injectable, Logger } from '@nestjs/common';
import { Cron, CronExpression } from '@nestjs/schedule';
import { CoordinatorService, type Leadership, LeaderOnly, OnDemoted, OnElected } from 'nestjs-coordination';
import { heldLease } from '../common/held-lease.js';
import { Disk } from '../storage/disk.js';
import type { Permit } from '../storage/permit.js';
import { Volumes } from '../storage/volumes.js';
import { SHARES } from '../shares/share.js';

const QUOTA = 'quota';
const REPORT = 'quota.log';

/** Watches the quota of all shares: work for one replica, which keeps it until that replica goes. */
@Injectable()
export class QuotaJob {
  readonly #logger = new Logger(QuotaJob.name);

  constructor(
    private readonly disk: Disk,
    private readonly volumes: Volumes,
    private readonly coordinator: CoordinatorService,
  ) {}

  /** Every replica's clock ticks, and those that do not lead do nothing. */
  @Cron(CronExpression.EVERY_SECOND, { name: 'quota' })
  @LeaderOnly(QUOTA)
  async check(): Promise<void> {
    const permit: Permit = { resource: REPORT, token: undefined, signal: heldLease().signal };
    const shares = await this.volumes.list(SHARES);
    await this.disk.append(REPORT, `${this.coordinator.agentId} ${shares.length} shares\n`, permit);
  }

  @OnElected(QUOTA)
  elected({ term }: Leadership): void {
    this.#logger.log(`this replica watches the quota from now on (term ${term})`);
  }

  @OnDemoted(QUOTA)
  demoted({ term }: Leadership): void {
    this.#logger.log(`this replica does not watch the quota any more (term ${term})`);
  }
}
