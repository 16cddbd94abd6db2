import { Module } from '@nestjs/common';
import { ConfigModule, type ConfigType } from '@nestjs/config';
import { ScheduleModule } from '@nestjs/schedule';
import { CoordinationModule } from 'nestjs-coordination';
import { coordinationConfig } from 'nestjs-coordination/config';
import { CoordinationDashboardModule } from 'nestjs-coordination/dashboard';
import { AccessModule } from './access/access.module.js';
import { LoopbackGuard } from './common/loopback.guard.js';
import { LedgerModule } from './ledger/ledger.module.js';
import { SharesModule } from './shares/shares.module.js';
import { SnapshotsModule } from './snapshots/snapshots.module.js';
import { UsageModule } from './usage/usage.module.js';

@Module({
  imports: [
    CoordinationModule.forRootAsync({
      imports: [ConfigModule.forFeature(coordinationConfig)],
      inject: [coordinationConfig.KEY],
      // The storage refuses a late writer by the token of its lease, so every lease has one unless the environment says no.
      useFactory: (config: ConfigType<typeof coordinationConfig>) => ({
        ...config,
        fencing: config.fencing ?? true,
      }),
    }),
    CoordinationDashboardModule.register({ title: 'share-service', guard: LoopbackGuard }),
    ScheduleModule.forRoot(),
    SharesModule,
    SnapshotsModule,
    AccessModule,
    UsageModule,
    LedgerModule.whereThereIsADatabase(),
  ],
})
export class AppModule {}
