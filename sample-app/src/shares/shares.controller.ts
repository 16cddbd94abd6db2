import { Body, Controller, Delete, Get, HttpCode, Param, Post } from '@nestjs/common';
import { SharePipe } from './share.pipe.js';
import type { Share, ShareView } from './share.js';
import { type CreateShare, createShare, type ResizeShare, resizeShare } from './shares.dto.js';
import { SharesService } from './shares.service.js';

@Controller('shares')
export class SharesController {
  constructor(private readonly shares: SharesService) {}

  @Get()
  list(): Promise<ShareView[]> {
    return this.shares.list();
  }

  @Get(':share')
  get(@Param('share', SharePipe) share: Share): Promise<ShareView> {
    return this.shares.get(share);
  }

  @Post()
  create(@Body(createShare) { size }: CreateShare): Promise<ShareView> {
    return this.shares.create(size);
  }

  @Post(':share/extend')
  @HttpCode(200)
  extend(
    @Param('share', SharePipe) share: Share,
    @Body(resizeShare) { by }: ResizeShare,
  ): Promise<ShareView> {
    return this.shares.extend(share, by);
  }

  @Post(':share/shrink')
  @HttpCode(200)
  shrink(
    @Param('share', SharePipe) share: Share,
    @Body(resizeShare) { by }: ResizeShare,
  ): Promise<ShareView> {
    return this.shares.shrink(share, by);
  }

  @Post(':share/move-to/:target')
  @HttpCode(200)
  move(
    @Param('share', SharePipe) share: Share,
    @Param('target', SharePipe) target: Share,
    @Body(resizeShare) { by }: ResizeShare,
  ): Promise<ShareView[]> {
    return this.shares.move(share, target, by);
  }

  @Delete(':share')
  @HttpCode(204)
  delete(@Param('share', SharePipe) share: Share): Promise<void> {
    return this.shares.delete(share);
  }
}
