import { type ArgumentsHost, Catch, type ExceptionFilter, Inject, UseFilters } from '@nestjs/common';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { WsAdapter } from '@nestjs/platform-ws';
import { ConnectedSocket, MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { once } from 'node:events';
import { io, type Socket } from 'socket.io-client';
import { describe, expect, it } from 'vitest';
import { CoordinatorService, currentLease, LockAcquireFailedError, Synchronized } from 'nestjs-coordination';
import { WebSocket } from 'ws';
import { refusals } from '../../../lib/synchronized/filters/refusals.js';
import { eventually } from '../../support/eventually.js';
import { Overlap } from './fixtures/overlap.js';
import { afterTest, ownSpace, someoneWaits, startApp, startPeer } from './fixtures/test-app.js';

@WebSocketGateway()
class ShareGateway {
  readonly overlap = new Overlap();
  ranBelow = 0;

  constructor(@Inject(CoordinatorService) readonly coordinator: CoordinatorService) {}

  @SubscribeMessage('extend')
  @Synchronized('share-<share.id>', { blocking: 2000 })
  async extend(
    @MessageBody() share: { id: string },
    @ConnectedSocket() _client: unknown,
  ): Promise<{ event: string; data: string }> {
    await this.overlap.body();
    return { event: 'extended', data: `${share.id} ${currentLease()?.name}` };
  }

  @Synchronized('share-<share.id>')
  @SubscribeMessage('below')
  async below(@MessageBody() share: { id: string }): Promise<{ event: string; data: string }> {
    this.ranBelow += 1;
    return { event: 'extended', data: `${share.id} ${currentLease()?.name}` };
  }
}

@Catch(LockAcquireFailedError)
class Busy implements ExceptionFilter<LockAcquireFailedError> {
  catch({ name }: LockAcquireFailedError, host: ArgumentsHost): void {
    const client = host.switchToWs().getClient<Socket | WebSocket>();
    if ('readyState' in client) client.send(JSON.stringify({ event: 'busy', data: name }));
    else client.emit('busy', name);
  }
}

@WebSocketGateway()
@UseFilters(Busy)
class FilteredGateway {
  @SubscribeMessage('filtered')
  @Synchronized('share-<share.id>', { blocking: false })
  async filtered(@MessageBody() share: { id: string }): Promise<string> {
    return share.id;
  }
}

interface Client {
  send(event: string, data: unknown): void;
  /** The next message with that event. */
  next(event: string): Promise<unknown>;
  leave(): void;
}

async function socketIo(url: string): Promise<Client> {
  const socket: Socket = io(url, { transports: ['websocket'] });
  afterTest(async () => void socket.close());
  await new Promise<void>((resolve) => socket.on('connect', resolve));
  return {
    send: (event, data) => void socket.emit(event, data),
    next: (event) => new Promise((resolve) => socket.once(event, resolve)),
    leave: () => void socket.close(),
  };
}

async function plainWebSocket(url: string): Promise<Client> {
  const socket = new WebSocket(url.replace('http', 'ws'));
  afterTest(async () => socket.terminate());
  await once(socket, 'open');
  return {
    send: (event, data) => socket.send(JSON.stringify({ event, data })),
    next: (event) =>
      new Promise((resolve) => {
        socket.on('message', (text: Buffer) => {
          const message = JSON.parse(text.toString()) as { event: string; data: unknown };
          if (message.event === event) resolve(message.data);
        });
      }),
    leave: () => socket.terminate(),
  };
}

describe.each([
  ['socket.io', IoAdapter, socketIo],
  ['a plain WebSocket', WsAdapter, plainWebSocket],
])('a synchronized gateway over %s', (_name, Adapter, connect) => {
  async function start() {
    const backendUrl = ownSpace();
    const started = await startApp({
      providers: [ShareGateway, FilteredGateway],
      coordination: { backendUrl },
      configure: (app) => void app.useWebSocketAdapter(new Adapter(app)),
    });
    const peer = await startPeer({ backendUrl });
    const clients = await Promise.all([connect(started.url), connect(started.url)]);
    return { ...started, peer, clients, gateway: started.app.get(ShareGateway) };
  }

  it('runs one message at a time for each name', async () => {
    const { clients, gateway } = await start();
    const replies = clients.map((client) => client.next('extended'));
    for (const client of clients) client.send('extend', { id: '7' });
    expect(await Promise.all(replies)).toEqual(['7 share-7', '7 share-7']);
    expect(gateway.overlap).toMatchObject({ most: 1, total: 2 });
  });

  it('does so too above @SubscribeMessage', async () => {
    const { clients } = await start();
    const [client] = clients;
    const reply = client?.next('extended');
    client?.send('below', { id: '7' });
    expect(await reply).toBe('7 share-7');
  });

  it('tells the client that the lock was not to be had, and no lock name', async () => {
    const { clients, peer, gateway } = await start();
    await peer.getLock('share-7').acquire();
    const [client] = clients;
    const exception = client?.next('exception');
    client?.send('extend', { id: '7' });
    expect(await exception).toEqual({ status: 'error', statusCode: 423, message: 'Locked', code: 'LOCKED' });
    expect(gateway.overlap.total).toBe(0);
  });

  it('gives up its place when the client leaves, which is not counted as refused', async () => {
    const { clients, coordinator, gateway, log, peer } = await start();
    const lock = peer.getLock('share-7');
    await lock.acquire();
    const waits = someoneWaits(coordinator);
    clients[0]?.send('below', { id: '7' });
    await waits;
    clients[0]?.leave();
    await eventually(() => log.of('debug').some((line) => line.includes('not acquired')));
    await lock.release();
    await coordinator.using('share-7', () => undefined);
    expect(gateway.ranBelow).toBe(0);
    refusals.flush();
    expect(log.of('warn', 'error')).toEqual([]);
  });

  it('leaves the error to a filter of the gateway', async () => {
    const { clients, peer } = await start();
    await peer.getLock('share-7').acquire();
    const [client] = clients;
    const reply = client?.next('busy');
    client?.send('filtered', { id: '7' });
    expect(await reply).toBe('LockAcquireFailedError');
  });
});
