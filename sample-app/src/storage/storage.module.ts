import { Module } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { Disk } from './disk.js';
import { LayoutMigration } from './layout.migration.js';
import { storageConfig } from './storage.config.js';
import { Volumes } from './volumes.js';

@Module({
  imports: [ConfigModule.forFeature(storageConfig)],
  providers: [Disk, Volumes, LayoutMigration],
  exports: [Disk, Volumes],
})
export class StorageModule {}
