import { Injectable } from '@nestjs/common';
import { Cron } from '@nestjs/schedule';
import { CoordinatorService, currentRun, RunOnce } from 'nestjs-coordination';
import { setTimeout as after } from 'node:timers/promises';
import { heldLease } from '../common/held-lease.js';
import { Disk } from '../storage/disk.js';
import type { Permit } from '../storage/permit.js';

const EVERY_TWO_SECONDS = '*/2 * * * * *';
/** How long an audit takes, ms. */
const LONG = 1000;

/** Jobs that take a while, to be killed in the middle. Each writes down that it begins, and that it has ended. */
@Injectable()
export class AuditJobs {
  constructor(
    private readonly disk: Disk,
    private readonly coordinator: CoordinatorService,
  ) {}

  /** A killed audit spends its tick. */
  @Cron(EVERY_TWO_SECONDS, { name: 'audit-skip' })
  @RunOnce({ onCrash: 'skip', ttl: '3s' })
  async skip(): Promise<void> {
    await this.audit();
  }

  /** A killed audit is run again by another replica. */
  @Cron(EVERY_TWO_SECONDS, { name: 'audit-rerun' })
  @RunOnce({ onCrash: 'rerun', ttl: '3s' })
  async rerun(): Promise<void> {
    await this.audit();
  }

  private async audit(): Promise<void> {
    const run = currentRun();
    if (!run) return;
    const resource = `${run.name}.log`;
    const permit: Permit = { resource, token: undefined, signal: heldLease().signal };
    const line = `${run.tick.toISOString()} ${this.coordinator.agentId} ${run.attempt}`;
    await this.disk.append(resource, `${line} begun\n`, permit);
    await after(LONG);
    await this.disk.append(resource, `${line} ended\n`, permit);
  }
}
