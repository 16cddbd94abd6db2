import { ApolloDriver } from '@nestjs/apollo';
import {
  type CanActivate,
  Catch,
  Controller,
  type ExceptionFilter,
  Injectable,
  UseFilters,
  UseGuards,
} from '@nestjs/common';
import { type GqlModuleOptions, GraphQLModule, Query, Resolver } from '@nestjs/graphql';
import { ExternalContextCreator } from '@nestjs/core';
import { ClientProxyFactory, EventPattern, Transport } from '@nestjs/microservices';
import { createRequire } from 'node:module';
import { beforeEach, expect, it } from 'vitest';
import { Synchronized } from 'nestjs-coordination';
import { refusals } from '../../../lib/synchronized/filters/refusals.js';
import { eventually } from '../../support/eventually.js';
import { freePort } from '../../support/redis-ports.js';
import { afterTest, ownSpace, startApp, startPeer } from './fixtures/test-app.js';

const { GraphQLError } = createRequire(import.meta.url)('graphql') as typeof import('graphql');

beforeEach(() => refusals.flush());

@Injectable()
class Shares {
  @Synchronized('share-7', { blocking: 1 })
  async extend(): Promise<string> {
    return '7';
  }
}

@Injectable()
class LockingGuard implements CanActivate {
  constructor(private readonly shares: Shares) {}
  async canActivate(): Promise<boolean> {
    await this.shares.extend();
    return true;
  }
}

@Catch()
class Everything implements ExceptionFilter {
  catch(): unknown {
    return new GraphQLError('sorry');
  }
}

const typeDefs = `type Query { own: String, service: String, guard: String }`;

@Resolver()
@UseFilters(Everything)
class Root {
  constructor(private readonly shares: Shares) {}

  @Query()
  @Synchronized('share-7', { blocking: 1 })
  async own(): Promise<string> {
    return '7';
  }

  @Query()
  async service(): Promise<string> {
    return this.shares.extend();
  }

  @Query()
  @UseGuards(LockingGuard)
  async guard(): Promise<string> {
    return '7';
  }
}

it.each(['own', 'service', 'guard'])(
  'the log tells of a resolver under a filter of its class that catches everything: %s',
  async (field) => {
    const backendUrl = ownSpace();
    const { url, log } = await startApp({
      imports: [GraphQLModule.forRoot({ typeDefs, driver: ApolloDriver } as GqlModuleOptions)],
      providers: [Root, Shares],
      coordination: { backendUrl },
    });
    const peer = await startPeer({ backendUrl });
    await peer.getLock('share-7').acquire();
    const reply = await fetch(`${url}/graphql`, {
      method: 'POST',
      body: JSON.stringify({ query: `{ ${field} }` }),
      headers: { 'content-type': 'application/json' },
    });
    expect(await reply.text()).toContain('sorry');
    refusals.flush();
    expect(log.of('warn').filter((line) => line.includes('refused'))).toEqual([
      expect.stringMatching(/^1 call was refused in the last minute: 1 × LockAcquireFailedError \(423\)/),
    ]);
  },
);

@Injectable()
@UseFilters(Everything)
class Consumer {
  constructor(private readonly shares: Shares) {}
  async handle(): Promise<string> {
    return this.shares.extend();
  }
}

it('the log tells of a handler of another library under a filter of its class that catches everything', async () => {
  const backendUrl = ownSpace();
  const { app, log } = await startApp({ providers: [Consumer, Shares], coordination: { backendUrl } });
  const peer = await startPeer({ backendUrl });
  await peer.getLock('share-7').acquire();
  const consumer = app.get(Consumer);
  const enhancers = { guards: true, interceptors: true, filters: true };
  const handle = app
    .get(ExternalContextCreator)
    .create(
      consumer,
      Reflect.get(consumer, 'handle'),
      'handle',
      undefined,
      undefined,
      undefined,
      undefined,
      enhancers,
      'rmq',
    );
  await handle();
  refusals.flush();
  expect(log.of('warn').filter((line) => line.includes('refused'))).toHaveLength(1);
});

@Controller()
class Events {
  constructor(private readonly shares: Shares) {}
  @EventPattern('service')
  async service(_data: unknown): Promise<void> {
    await this.shares.extend();
  }

  @EventPattern('guard')
  @UseGuards(LockingGuard)
  async guard(_data: unknown): Promise<void> {}
}

it.each([
  ['service', true],
  ['guard', true],
  ['service', false],
  ['guard', false],
])(
  'the log warns of an event that was not handled: %s, inheritAppConfig %s',
  async (name, inheritAppConfig) => {
    const service = {
      transport: Transport.TCP,
      options: { host: '127.0.0.1', port: await freePort() },
    } as const;
    const backendUrl = ownSpace();
    const { log } = await startApp({
      coordination: { backendUrl },
      controllers: [Events],
      providers: [Shares],
      configure: async (app) => {
        app.connectMicroservice(service, { inheritAppConfig });
        await app.startAllMicroservices();
      },
    });
    const client = ClientProxyFactory.create(service);
    afterTest(async () => void client.close());
    const peer = await startPeer({ backendUrl });
    await peer.getLock('share-7').acquire();
    client.emit(name, {});
    await eventually(() => log.of('warn').length > 0);
    refusals.flush();
    expect(log.of('warn')).toEqual([expect.stringContaining(`Events.${name} did not handle an event`)]);
  },
);
