import { Injectable, Module } from '@nestjs/common';
import { ExternalContextCreator, NestFactory } from '@nestjs/core';
import {
  CoordinationModule,
  CoordinatorService,
  LockAcquireFailedError,
  Synchronized,
} from 'nestjs-coordination';
import { describe, expect, it } from 'vitest';
import { afterTest, ownSpace, startApp, startPeer } from './fixtures/test-app.js';

@Injectable()
class PaymentConsumer {
  handled = 0;

  @Synchronized('payments', { blocking: false })
  async handle(): Promise<string> {
    this.handled += 1;
    return 'handled';
  }
}

type Handle = (...args: unknown[]) => Promise<unknown>;

/** A handler as golevelup's RabbitMQ, nestjs-telegraf and necord make it. */
function handlerOf(creator: ExternalContextCreator, consumer: PaymentConsumer, contextType?: string): Handle {
  return creator.create(
    consumer,
    Reflect.get(consumer, 'handle'),
    'handle',
    undefined,
    undefined,
    undefined,
    undefined,
    { guards: true, interceptors: true, filters: true },
    contextType,
  ) as Handle;
}

/** What golevelup calls a handler with: the content, and the message of amqplib, which is no response. */
const MESSAGE = [{ id: 7 }, { fields: {}, properties: {}, content: Buffer.from('{}') }];

describe('a synchronized method that another library calls through ExternalContextCreator', () => {
  async function start(contextType?: string) {
    const backendUrl = ownSpace();
    const { app } = await startApp({ providers: [PaymentConsumer], coordination: { backendUrl } });
    const consumer = app.get(PaymentConsumer);
    const peer = await startPeer({ backendUrl });
    return { consumer, peer, handle: handlerOf(app.get(ExternalContextCreator), consumer, contextType) };
  }

  it.each(['rmq', 'telegraf', 'http', undefined])(
    'rejects in the context %s when its lock is held',
    async (type) => {
      const { consumer, peer, handle } = await start(type);
      await peer.using('payments', async () => {
        await expect(handle(...MESSAGE)).rejects.toBeInstanceOf(LockAcquireFailedError);
        await expect(handle()).rejects.toBeInstanceOf(LockAcquireFailedError);
      });
      expect(consumer.handled).toBe(0);
      expect(await handle(...MESSAGE)).toBe('handled');
    },
  );

  it('rejects too in an application without HTTP', async () => {
    class WorkerModule {}
    Module({
      imports: [CoordinationModule.forRoot({ backendUrl: ownSpace() })],
      providers: [PaymentConsumer],
    })(WorkerModule);
    const app = await NestFactory.createApplicationContext(WorkerModule, { logger: false });
    afterTest(() => app.close());
    const handle = handlerOf(app.get(ExternalContextCreator), app.get(PaymentConsumer));
    await app.get(CoordinatorService).using('payments', async () => {
      await expect(handle(...MESSAGE)).rejects.toBeInstanceOf(LockAcquireFailedError);
      await expect(handle({}, { send: () => undefined })).rejects.toBeInstanceOf(LockAcquireFailedError);
    });
  });
});
