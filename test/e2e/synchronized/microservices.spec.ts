import { Controller, type INestApplication } from '@nestjs/common';
import {
  type ClientProxy,
  ClientProxyFactory,
  EventPattern,
  MessagePattern,
  Payload,
  Transport,
} from '@nestjs/microservices';
import { firstValueFrom, lastValueFrom, Observable, Subject, take, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { currentLease, Synchronized } from 'nestjs-coordination';
import { eventually } from '../../support/eventually.js';
import { freePort } from '../../support/redis-ports.js';
import { Overlap } from './fixtures/overlap.js';
import { afterTest, ownSpace, startApp, startPeer } from './fixtures/test-app.js';

@Controller()
class Handlers {
  readonly overlap = new Overlap();
  readonly values = new Subject<string>();
  readonly events: string[] = [];

  @MessagePattern('extend')
  @Synchronized('share-<share.id>', { blocking: 2000 })
  async extend(@Payload() share: { id: string }): Promise<string> {
    await this.overlap.body();
    return `${share.id} ${currentLease()?.name}`;
  }

  @Synchronized('share-<share.id>')
  @MessagePattern('extend below')
  async below(@Payload() share: { id: string }): Promise<string> {
    return `${share.id} ${currentLease()?.name}`;
  }

  @MessagePattern('stream')
  @Synchronized('stream')
  stream(): Observable<string> {
    return this.values;
  }

  @EventPattern('extended')
  @Synchronized('share-<share.id>')
  async extended(@Payload() share: { id: string }): Promise<void> {
    await this.overlap.body();
    this.events.push(`${share.id} ${currentLease()?.name}`);
  }

  @MessagePattern('pages')
  @Synchronized('pages')
  async pages(): Promise<AsyncIterable<string>> {
    return (async function* () {
      yield 'a';
    })();
  }
}

async function start(inheritAppConfig: boolean) {
  const backendUrl = ownSpace();
  const options = { host: '127.0.0.1', port: await freePort() };
  const started = await startApp({
    controllers: [Handlers],
    coordination: { backendUrl },
    configure: async (app: INestApplication) => {
      app.connectMicroservice({ transport: Transport.TCP, options }, { inheritAppConfig });
      await app.startAllMicroservices();
    },
  });
  const client: ClientProxy = ClientProxyFactory.create({ transport: Transport.TCP, options });
  await client.connect();
  afterTest(async () => void client.close());
  const peer = await startPeer({ backendUrl });
  return { ...started, client, peer, handlers: started.app.get(Handlers) };
}

describe.each([
  ['with the configuration of the application', true],
  ['without it', false],
])('a synchronized message handler, connected %s', (_how, inherit) => {
  it('runs one message at a time for each name', async () => {
    const { client, handlers } = await start(inherit);
    const replies = await Promise.all(
      Array.from({ length: 6 }, () => firstValueFrom(client.send<string>('extend', { id: '7' }))),
    );
    expect(new Set(replies)).toEqual(new Set(['7 share-7']));
    expect(handlers.overlap.most).toBe(1);
    expect(await firstValueFrom(client.send<string>('extend below', { id: '7' }))).toBe('7 share-7');
  });

  it('handles events one at a time for each name', async () => {
    const { client, handlers } = await start(inherit);
    for (let count = 0; count < 5; count += 1) client.emit('extended', { id: '7' }).subscribe();
    await eventually(() => handlers.events.length === 5);
    expect(new Set(handlers.events)).toEqual(new Set(['7 share-7']));
    expect(handlers.overlap.most).toBe(1);
  });

  it('holds the lock to the end of a stream', async () => {
    const { client, handlers, peer } = await start(inherit);
    const lock = peer.getLock('stream');
    const values = lastValueFrom(client.send<string>('stream', {}).pipe(toArray()));
    await eventually(() => handlers.values.observed);
    handlers.values.next('a');
    expect(await lock.acquire(50)).toBe(false);
    handlers.values.next('b');
    handlers.values.complete();
    expect(await values).toEqual(['a', 'b']);
    expect(await lock.acquire(5000)).toBe(true);
  });

  it('tells the caller that the lock was not to be had, and no lock name', async () => {
    const { client, peer, handlers } = await start(inherit);
    await peer.getLock('share-7').acquire();
    const error: unknown = await firstValueFrom(client.send('extend', { id: '7' })).catch(
      (reason: unknown) => reason,
    );
    expect(error).toEqual({ status: 'error', statusCode: 423, message: 'Locked', code: 'LOCKED' });
    expect(handlers.overlap.total).toBe(0);
  });
});

describe('a message handler that returns an async iterable', () => {
  it('is told how to write it, as nobody would read it under the lock', async () => {
    const { client, log } = await start(true);
    await expect(firstValueFrom(client.send('pages', {}).pipe(take(1)))).rejects.toEqual({
      status: 'error',
      statusCode: 500,
      message: 'Internal Server Error',
      code: 'INVALID_OPTIONS',
    });
    expect(log.of('error').join()).toContain('Handlers.pages: it returned an async iterable');
  });
});
