import crypto from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../lib/common/clock.js';
import { Link } from '../../../lib/drivers/postgres/connection/link.js';
import { pgClients } from '../../../lib/drivers/postgres/connection/index.js';
import type { PgClient, PgResult, PgStatement } from '../../../lib/drivers/postgres/connection/pg-client.js';
import { Secret } from '../../../lib/drivers/secret.js';
import { FakeClock } from '../../support/fake-clock.js';

/** A server that answers one statement when it is told to. */
class SlowServer extends EventEmitter {
  readonly asked: string[] = [];
  #answer: (result: PgResult) => void = () => undefined;

  async connect(): Promise<void> {}
  async end(): Promise<void> {}

  query({ text }: PgStatement): Promise<PgResult> {
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
        commandTimeout: 10_000,
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

describe('a client of pg that emits its error instead of rejecting its connect', () => {
  afterEach(() => void vi.restoreAllMocks());

  /** A server that asks for a password by MD5, and then says nothing. */
  async function serverWithMd5() {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      // The type, the length, the method 5, and four bytes of salt.
      socket.once('data', () => socket.write(Buffer.from('R\0\0\0\x0c\0\0\0\x05salt', 'latin1')));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return { server, port: (server.address() as AddressInfo).port };
  }

  it('fails the start with that error', async () => {
    const { server, port } = await serverWithMd5();
    const { createHash } = crypto;
    // As under FIPS.
    vi.spyOn(crypto, 'createHash').mockImplementation((algorithm, options) => {
      if (algorithm === 'md5') throw new Error('MD5 is not available');
      return createHash(algorithm, options);
    });
    const link = new Link({
      clients: await pgClients({ url: new Secret(`postgres://app:secret@127.0.0.1:${port}/app`) }, 10_000),
      clock: systemClock,
      random: () => 0.5,
      onConnect: async () => undefined,
      onChange: () => undefined,
    });
    const soon = new Promise((resolve) => setTimeout(resolve, 20_000, 'nothing'));
    expect(await Promise.race([soon, link.open().catch(String)])).toMatch(/MD5|digest|algorithm/i);
    await link.stop();
    server.close();
  });

  it('does not keep the link from connecting again', async () => {
    const clock = new FakeClock();
    const clients = [new SlowServer(), new SlowServer(), new SlowServer()];
    clients[1]!.connect = () => new Promise(() => undefined);
    let made = 0;
    const link = new Link({
      clients: {
        name: 'PostgreSQL x',
        commandTimeout: 1000,
        create: async () => clients[made++] as unknown as PgClient,
      },
      clock,
      random: () => 0.5,
      onConnect: async () => undefined,
      onChange: () => undefined,
    });
    await link.open();
    link.drop(new Error('it is broken'));
    await clock.advance(1000);
    expect(made).toBe(2);
    clients[1]!.emit('error', new Error('pgpass is not there'));
    await clock.advance(1000);
    expect(link.up).toBe(true);
    await link.stop();
  });
});
