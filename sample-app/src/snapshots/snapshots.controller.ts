import { Body, Controller, Delete, Get, HttpCode, Param, Post } from '@nestjs/common';
import { SharePipe } from '../shares/share.pipe.js';
import type { Share } from '../shares/share.js';
import type { Snapshot, SnapshotView } from './snapshot.js';
import { createSnapshot, SnapshotPipe } from './snapshots.dto.js';
import { SnapshotsService } from './snapshots.service.js';

@Controller('shares/:share/snapshots')
export class SnapshotsController {
  constructor(private readonly snapshots: SnapshotsService) {}

  @Get()
  list(@Param('share', SharePipe) share: Share): Promise<SnapshotView[]> {
    return this.snapshots.list(share);
  }

  @Post()
  create(
    @Param('share', SharePipe) share: Share,
    @Body(createSnapshot) snap: Snapshot,
  ): Promise<SnapshotView> {
    return this.snapshots.create(share, snap);
  }

  @Post(':name/revert')
  @HttpCode(200)
  revert(
    @Param('share', SharePipe) share: Share,
    @Param('name', SnapshotPipe) snap: Snapshot,
  ): Promise<SnapshotView> {
    return this.snapshots.revert(share, snap);
  }

  @Delete(':name')
  @HttpCode(204)
  delete(
    @Param('share', SharePipe) share: Share,
    @Param('name', SnapshotPipe) snap: Snapshot,
  ): Promise<void> {
    return this.snapshots.delete(share, snap);
  }
}
