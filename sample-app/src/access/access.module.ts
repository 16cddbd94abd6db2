import { Module } from '@nestjs/common';
import { StorageModule } from '../storage/storage.module.js';
import { AccessController } from './access.controller.js';
import { AccessService } from './access.service.js';
import { ExportsModule } from './exports.module.js';

@Module({
  imports: [StorageModule, ExportsModule],
  controllers: [AccessController],
  providers: [AccessService],
})
export class AccessModule {}
