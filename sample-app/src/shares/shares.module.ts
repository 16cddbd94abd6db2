import { Module } from '@nestjs/common';
import { ExportsModule } from '../access/exports.module.js';
import { StorageModule } from '../storage/storage.module.js';
import { SharesController } from './shares.controller.js';
import { SharesService } from './shares.service.js';

@Module({
  imports: [StorageModule, ExportsModule],
  controllers: [SharesController],
  providers: [SharesService],
})
export class SharesModule {}
