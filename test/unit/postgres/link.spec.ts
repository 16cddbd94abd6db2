import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { Link } from '../../../lib/drivers/postgres/connection/link.js';
import type { PgClient, PgResult } from '../../../lib/drivers/postgres/connection/pg-client.js';
import { FakeClock } from '../../support/fake-clock.js';

/** A server that answers one statement when it is told to. */
class SlowServer extends EventEmitter {
  readonly asked: string[] = [];
  #answer: (result: PgResult) => void = () => undefined;

  async connect(): Promise<void> {}
  async end(): Promise<void> {}

  query(text: string): Promise<PgResult> {
    this.asked.push(text);
    return new Promise((resolve) => (this.#answer = resolve));
  }

  answer(): void {
    this.#answer({ rows: [] });
  }
}

describe('the line of statements at one connection', () => {
  it('is not waited in for longer than five seconds, though the server answers each of them', async () => {
    const clock = new FakeClock();
    const server = new SlowServer();
    const link = new Link({
      clients: {
        name: 'PostgreSQL x',
        commandTimeout: 1000,
        create: async () => server as unknown as PgClient,
      },
      clock,
      random: () => 0.5,
      onConnect: async () => undefined,
      onChange: () => undefined,
    });
    await link.open();
    const outcomes: string[] = [];
    const ask = (text: string): void => {
      link.query('ask', text).then(
        () => outcomes.push(`${text}: answered`),
        (error: Error) => outcomes.push(`${text}: ${error.message}`),
      );
    };
    ask('first');
    ask('second');
    await clock.advance(4000);
    ask('third');
    await clock.advance(1500);
    server.answer();
    await clock.advance(0);
    server.answer();
    await clock.advance(0);
    expect(server.asked).toEqual(['first', 'third']);
    expect(outcomes).toEqual([
      'first: answered',
      expect.stringMatching(/^second: .*busy with other statements for 5000 ms/),
      'third: answered',
    ]);
    await link.stop();
  });
});
