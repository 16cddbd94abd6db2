import { Body, Controller, Delete, Get, HttpCode, Param, Post } from '@nestjs/common';
import { SharePipe } from '../shares/share.pipe.js';
import type { Share } from '../shares/share.js';
import type { AccessRule } from './access-rule.js';
import { AddressPipe, allowAccess } from './access.dto.js';
import { AccessService } from './access.service.js';

@Controller('shares/:share/access')
export class AccessController {
  constructor(private readonly access: AccessService) {}

  @Get()
  list(@Param('share', SharePipe) share: Share): Promise<AccessRule[]> {
    return this.access.list(share);
  }

  @Post()
  allow(@Param('share', SharePipe) share: Share, @Body(allowAccess) rule: AccessRule): Promise<AccessRule> {
    return this.access.allow(share, rule);
  }

  @Delete(':client')
  @HttpCode(204)
  deny(@Param('share', SharePipe) share: Share, @Param('client', AddressPipe) client: string): Promise<void> {
    return this.access.deny(share, client);
  }
}
