import { Module } from '@nestjs/common';
import { StorageModule } from '../storage/storage.module.js';
import { Copies } from './copies.js';
import { SnapshotsController } from './snapshots.controller.js';
import { SnapshotsService } from './snapshots.service.js';

@Module({
  imports: [StorageModule],
  controllers: [SnapshotsController],
  providers: [Copies, SnapshotsService],
})
export class SnapshotsModule {}
