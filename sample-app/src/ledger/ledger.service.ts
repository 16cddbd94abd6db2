import { Inject, Injectable } from '@nestjs/common';
import type { ConfigType } from '@nestjs/config';
import { assertLockedIn, Synchronized } from 'nestjs-coordination';
import type { PoolClient } from 'pg';
import { setTimeout as after } from 'node:timers/promises';
import { ledgerConfig } from './ledger.config.js';
import { LedgerDatabase } from './ledger.database.js';

export interface Balance {
  readonly charged: number;
  readonly charges: number;
}

@Injectable()
export class LedgerService {
  constructor(
    @Inject(ledgerConfig.KEY) private readonly config: ConfigType<typeof ledgerConfig>,
    private readonly database: LedgerDatabase,
  ) {}

  /** One charge at a time for each account. The lease is short, so that a replica that is stopped loses it soon. */
  @Synchronized('ledger-<account>', { ttl: 300 })
  async charge(account: string, amount: number): Promise<number> {
    return this.database.transaction(async (tx) => {
      // From here to the commit nobody else can have the lock: a replica that was stopped for a minute commits nothing late.
      if (this.config.guarded) await assertLockedIn(tx);
      const charged = (await this.read(tx, account)) + amount;
      await after(this.config.thinks);
      await tx.query(
        'INSERT INTO sample_ledger VALUES ($1, $2) ON CONFLICT (account) DO UPDATE SET charged = excluded.charged',
        [account, charged],
      );
      await tx.query('INSERT INTO sample_charge VALUES ($1, $2)', [account, amount]);
      return charged;
    });
  }

  /** What the account owes, and the sum of its charges: the same, unless one charge has overwritten another. */
  balance(account: string): Promise<Balance> {
    return this.database.transaction(async (tx) => {
      const { rows } = await tx.query<{ sum: string }>(
        'SELECT coalesce(sum(amount), 0) AS sum FROM sample_charge WHERE account = $1',
        [account],
      );
      return { charged: await this.read(tx, account), charges: Number(rows[0]?.sum) };
    });
  }

  private async read(tx: PoolClient, account: string): Promise<number> {
    const { rows } = await tx.query<{ charged: string }>(
      'SELECT charged FROM sample_ledger WHERE account = $1',
      [account],
    );
    return Number(rows[0]?.charged ?? 0);
  }
}
