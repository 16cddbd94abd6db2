import { type DynamicModule, Module } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { LedgerController } from './ledger.controller.js';
import { ledgerConfig } from './ledger.config.js';
import { LedgerDatabase } from './ledger.database.js';
import { LedgerService } from './ledger.service.js';

/** What tenants are charged: rows of the database that has the locks. On another back end there is none. */
@Module({})
export class LedgerModule {
  static whereThereIsADatabase(): DynamicModule {
    const isThere = /^postgres(ql)?:/.test(process.env['COORDINATION_BACKEND_URL'] ?? '');
    if (!isThere) return { module: LedgerModule };
    return {
      module: LedgerModule,
      imports: [ConfigModule.forFeature(ledgerConfig)],
      controllers: [LedgerController],
      providers: [LedgerDatabase, LedgerService],
    };
  }
}
