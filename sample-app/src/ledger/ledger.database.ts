import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { ConfigType } from '@nestjs/config';
import { CoordinatorService } from 'nestjs-coordination';
import { Pool, type PoolClient } from 'pg';
import { ledgerConfig } from './ledger.config.js';

/** The tables of the ledger, and transactions on them: what each account owes, and every charge, which nothing overwrites. */
@Injectable()
export class LedgerDatabase implements OnModuleInit, OnApplicationShutdown {
  readonly #pool: Pool;

  constructor(
    @Inject(ledgerConfig.KEY) config: ConfigType<typeof ledgerConfig>,
    private readonly coordinator: CoordinatorService,
  ) {
    this.#pool = new Pool({ connectionString: config.url, max: 10 });
    // The database ends the transactions of a replica that was stopped; a query on such a connection fails.
    this.#pool.on('error', () => undefined);
    this.#pool.on('connect', (client) => client.on('error', () => undefined));
  }

  async onModuleInit(): Promise<void> {
    await this.coordinator.once('ledger-table', () => this.create());
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#pool.end();
  }

  async transaction<T>(body: (tx: PoolClient) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect();
    let isWell = false;
    try {
      await client.query('BEGIN');
      const result = await body(client);
      await client.query('COMMIT');
      isWell = true;
      return result;
    } finally {
      // A connection whose transaction has failed is not used again, and with it the transaction ends.
      client.release(!isWell);
    }
  }

  private async create(): Promise<void> {
    await this.#pool.query(
      `CREATE TABLE IF NOT EXISTS sample_ledger (account text PRIMARY KEY, charged bigint NOT NULL);
       CREATE TABLE IF NOT EXISTS sample_charge (account text NOT NULL, amount bigint NOT NULL)`,
    );
  }
}
