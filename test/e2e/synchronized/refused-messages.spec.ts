import { Controller, Injectable } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  type ClientProxy,
  ClientProxyFactory,
  EventPattern,
  MessagePattern,
  Payload,
  Transport,
} from '@nestjs/microservices';
import { once } from 'node:events';
import { connect } from 'node:net';
import { firstValueFrom } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { CoordinationModule, Synchronized } from 'nestjs-coordination';
import { eventually } from '../../support/eventually.js';
import { freePort } from '../../support/redis-ports.js';
import { LogRecorder } from './fixtures/log-recorder.js';
import { afterTest, ownSpace, startApp, startPeer } from './fixtures/test-app.js';

interface Share {
  readonly id?: string;
}

/** The shares of events that were handled. */
const handled: (string | undefined)[] = [];

@Injectable()
class Shares {
  @Synchronized('share-<share.id>', { blocking: 1 })
  async extend(share: Share): Promise<void> {}
}

@Controller()
class Handlers {
  constructor(private readonly shares: Shares) {}

  @EventPattern('decorated')
  @Synchronized('share-<share.id>', { blocking: 1 })
  async decorated(@Payload() share: Share): Promise<void> {}

  @EventPattern('patient')
  @Synchronized('share-<share.id>')
  async patient(@Payload() share: Share): Promise<void> {
    handled.push(share.id);
  }

  @EventPattern('by a service')
  async byService(@Payload() share: Share): Promise<void> {
    await this.shares.extend(share);
  }

  @MessagePattern('ask')
  async ask(@Payload() share: Share): Promise<void> {
    await this.shares.extend(share);
  }
}

type How = 'hybrid' | 'hybrid with inheritAppConfig' | 'microservice';

async function start(how: How) {
  const backendUrl = ownSpace();
  const options = { host: '127.0.0.1', port: await freePort() };
  const service = { transport: Transport.TCP, options } as const;
  const parts = { controllers: [Handlers], providers: [Shares] };
  let log: LogRecorder;
  if (how === 'microservice') {
    log = new LogRecorder();
    const imports = [CoordinationModule.forRoot({ backendUrl })];
    const app = await NestFactory.createMicroservice(
      { module: class {}, imports, ...parts },
      { ...service, logger: log },
    );
    await app.listen();
    afterTest(() => app.close());
  } else {
    const inheritAppConfig = how !== 'hybrid';
    ({ log } = await startApp({
      ...parts,
      coordination: { backendUrl },
      configure: async (app) => {
        app.connectMicroservice(service, { inheritAppConfig });
        await app.startAllMicroservices();
      },
    }));
  }
  const client: ClientProxy = ClientProxyFactory.create(service);
  await client.connect();
  afterTest(async () => void client.close());
  const peer = await startPeer({ backendUrl });
  const lock = peer.getLock('share-7');
  await lock.acquire();
  log.lines.length = 0;
  handled.length = 0;
  return { client, log, lock, port: options.port };
}

describe.each<How>(['hybrid', 'hybrid with inheritAppConfig', 'microservice'])(
  'in a %s application',
  (how) => {
    it.each([
      ['decorated', 'Handlers.decorated'],
      ['by a service', 'Handlers.byService'],
    ])('an event that does not get its lock, %s, leaves one warning', async (pattern, handler) => {
      const { client, log } = await start(how);
      client.emit(pattern, { id: '7' }).subscribe();
      await eventually(() => log.of('warn').length > 0);
      // Another one has been through all that follows.
      await expect(firstValueFrom(client.send('ask', { id: '7' }))).rejects.toBeDefined();
      expect(log.of('warn', 'error')).toEqual([
        expect.stringMatching(`^${handler} did not handle an event: Lock "share-7": member `),
      ]);
    });

    it('a mistake leaves one error line', async () => {
      const { client, log } = await start(how);
      client.emit('decorated', {}).subscribe();
      await eventually(() => log.of('error').length > 0);
      await expect(firstValueFrom(client.send('ask', {}))).rejects.toEqual({
        status: 'error',
        statusCode: 500,
        message: 'Internal Server Error',
        code: 'INVALID_LOCK_NAME',
      });
      expect(log.of('error')).toEqual([
        expect.stringContaining('Handlers.decorated'),
        expect.stringContaining('Shares.extend'),
      ]);
    });

    it('an event is handled also when its sender has left meanwhile', async () => {
      const { log, lock, port } = await start(how);
      const event = JSON.stringify({ pattern: 'patient', data: { id: '7' } });
      const sender = connect(port, '127.0.0.1').setEncoding('utf8').resume();
      sender.write(`${event.length}#${event}`);
      await eventually(() => log.of('debug').some((line) => line.includes('waits')));
      sender.end();
      // The server closes its side when it has seen the other one go.
      await once(sender, 'close');
      await lock.release();
      await eventually(() => handled.length > 0);
      expect(handled).toEqual(['7']);
      expect(log.of('warn', 'error')).toEqual([]);
    });
  },
);
