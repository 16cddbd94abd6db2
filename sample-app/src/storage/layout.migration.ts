import { Injectable, type OnModuleInit } from '@nestjs/common';
import { CoordinatorService, type Lease } from 'nestjs-coordination';
import { Disk } from './disk.js';
import type { Permit } from './permit.js';

const MIGRATIONS = 'migrations.log';

/** Brings the storage to the layout of this release: one replica does it, and the others start when it is done. */
@Injectable()
export class LayoutMigration implements OnModuleInit {
  constructor(
    private readonly disk: Disk,
    private readonly coordinator: CoordinatorService,
  ) {}

  async onModuleInit(): Promise<void> {
    await this.coordinator.once('layout-2', (lease) => this.migrate(lease));
  }

  private async migrate({ signal }: Lease): Promise<void> {
    const permit: Permit = { resource: MIGRATIONS, token: undefined, signal };
    await this.disk.work();
    await this.disk.append(MIGRATIONS, `layout-2 ${this.coordinator.agentId}\n`, permit);
  }
}
