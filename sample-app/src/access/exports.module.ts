import { Module } from '@nestjs/common';
import { StorageModule } from '../storage/storage.module.js';
import { ExportsFile } from './exports.file.js';

@Module({ imports: [StorageModule], providers: [ExportsFile], exports: [ExportsFile] })
export class ExportsModule {}
