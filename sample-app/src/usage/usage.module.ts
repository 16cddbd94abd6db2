import { Module } from '@nestjs/common';
import { StorageModule } from '../storage/storage.module.js';
import { UsageJob } from './usage.job.js';

@Module({ imports: [StorageModule], providers: [UsageJob] })
export class UsageModule {}
