import { Module } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { storageConfig } from '../storage/storage.config.js';
import { StorageModule } from '../storage/storage.module.js';
import { AuditJobs } from './audit.jobs.js';
import { QuotaJob } from './quota.job.js';
import { UsageJob } from './usage.job.js';

@Module({
  imports: [StorageModule, ConfigModule.forFeature(storageConfig)],
  providers: [AuditJobs, QuotaJob, UsageJob],
})
export class UsageModule {}
