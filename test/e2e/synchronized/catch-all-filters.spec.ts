import { APP_FILTER } from '@nestjs/core';
import { type ClientProxy, ClientProxyFactory, Transport } from '@nestjs/microservices';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { firstValueFrom } from 'rxjs';
import { io, type Socket } from 'socket.io-client';
import { beforeEach, describe, expect, it } from 'vitest';
import { refusals } from '../../../lib/synchronized/filters/refusals.js';
import { freePort } from '../../support/redis-ports.js';
import {
  Everything,
  FilteredGateway,
  FilteredMessages,
  FilteredRoutes,
  Middlewares,
  Routes,
} from './fixtures/catch-all.js';
import { afterTest, ownSpace, startApp, startPeer, type TestApp } from './fixtures/test-app.js';

beforeEach(() => refusals.flush());

/** One line for a mistake, and one for all that was refused. */
async function expectToldOnce(
  { log }: TestApp,
  backendUrl: string,
  ask: (id?: string) => Promise<unknown>,
): Promise<void> {
  log.lines.length = 0;
  await ask();
  const mistakes = log.of('error').filter((line) => line.includes('Lock name'));
  expect(mistakes).toEqual([expect.stringContaining('share-<')]);
  const peer = await startPeer({ backendUrl });
  await peer.using('share-7', () => ask('7'));
  refusals.flush();
  expect(log.of('warn')).toEqual([
    expect.stringMatching(/^1 call was refused in the last minute: 1 × LockAcquireFailedError \(423\)/),
  ]);
  expect(log.of('error').filter((line) => line.includes('Lock '))).toHaveLength(1);
}

const WHERE = ['own', 'service', 'guard'];

describe('under a filter of the application that catches everything', () => {
  it.each(['express', 'fastify'] as const)('tells over HTTP on %s', async (platform) => {
    for (const path of [
      ...WHERE,
      'middleware',
      'events',
      'filtered/own',
      'filtered/service',
      'filtered/guard',
    ]) {
      const backendUrl = ownSpace();
      const started = await startApp({
        platform,
        coordination: { backendUrl },
        imports: [Middlewares],
        controllers: [Routes, FilteredRoutes],
        providers: path.startsWith('filtered') ? [] : [{ provide: APP_FILTER, useClass: Everything }],
      });
      await expectToldOnce(started, backendUrl, async (id) => {
        const reply = await fetch(`${started.url}/${path}${id === undefined ? '' : `?id=${id}`}`);
        const expected = path === 'events' ? 200 : id === undefined ? 500 : 423;
        expect([path, reply.status]).toEqual([path, expected]);
        await reply.text();
      });
    }
  });

  it('tells over HTTP where the filter was added when the application was made', async () => {
    const backendUrl = ownSpace();
    const started = await startApp({
      coordination: { backendUrl },
      imports: [Middlewares],
      configure: (app) => void app.useGlobalFilters(new Everything(app.getHttpAdapter())),
    });
    await expectToldOnce(started, backendUrl, (id) =>
      fetch(`${started.url}/middleware${id === undefined ? '' : `?id=${id}`}`),
    );
  });

  it('tells nothing of an error that the handler has answered', async () => {
    const { url, log } = await startApp({
      imports: [Middlewares],
      controllers: [Routes],
      providers: [{ provide: APP_FILTER, useClass: Everything }],
    });
    expect(await (await fetch(`${url}/answers`)).text()).toBe('later');
    refusals.flush();
    expect(log.of('warn', 'error')).toEqual([]);
  });

  it.each([true, false])('tells of messages, inheritAppConfig: %s', async (inheritAppConfig) => {
    const options = { host: '127.0.0.1', port: await freePort() };
    const service = { transport: Transport.TCP, options } as const;
    const backendUrl = ownSpace();
    const started = await startApp({
      coordination: { backendUrl },
      imports: [Middlewares],
      controllers: [FilteredMessages],
      configure: async (app) => {
        app.connectMicroservice(service, { inheritAppConfig });
        await app.startAllMicroservices();
      },
    });
    const client: ClientProxy = ClientProxyFactory.create(service);
    afterTest(async () => void client.close());
    for (const pattern of WHERE)
      await expectToldOnce(started, backendUrl, (id) => firstValueFrom(client.send(pattern, { id })));
  });

  it('tells of messages to gateways', async () => {
    const backendUrl = ownSpace();
    const started = await startApp({
      coordination: { backendUrl },
      imports: [Middlewares],
      providers: [FilteredGateway],
      configure: (app) => void app.useWebSocketAdapter(new IoAdapter(app)),
    });
    const socket: Socket = io(started.url, { transports: ['websocket'] });
    afterTest(async () => void socket.close());
    await new Promise<void>((resolve) => socket.on('connect', resolve));
    for (const event of WHERE)
      await expectToldOnce(started, backendUrl, async (id) => {
        const failed = new Promise((resolve) => socket.once('failed', resolve));
        socket.emit(event, { id });
        await failed;
      });
  });
});
