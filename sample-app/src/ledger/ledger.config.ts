import { registerAs } from '@nestjs/config';

export interface LedgerConfig {
  readonly url: string;
  /** Whether a transaction checks its lease; without it late writers overwrite what they have not seen. */
  readonly guarded: boolean;
  /** How long a charge is computed, between the read and the write, ms. */
  readonly thinks: number;
}

export const ledgerConfig = registerAs('ledger', (): LedgerConfig => ({
  url: process.env['COORDINATION_BACKEND_URL'] ?? '',
  guarded: process.env['SAMPLE_GUARD'] !== 'false',
  thinks: 10,
}));
