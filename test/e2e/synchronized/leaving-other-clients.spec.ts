import { ApolloDriver } from '@nestjs/apollo';
import { Controller, type INestApplication, StreamableFile } from '@nestjs/common';
import {
  Args,
  Field,
  type GqlModuleOptions,
  GraphQLModule,
  ObjectType,
  Query,
  ResolveField,
  Resolver,
} from '@nestjs/graphql';
import { MercuriusDriver } from '@nestjs/mercurius';
import {
  type ClientGrpc,
  type ClientProxy,
  ClientProxyFactory,
  GrpcMethod,
  MessagePattern,
  Payload,
  Transport,
} from '@nestjs/microservices';
import { createClient } from 'graphql-ws';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { firstValueFrom, NEVER, Observable } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Synchronized } from 'nestjs-coordination';
import { WebSocket } from 'ws';
import { refusals } from '../../../lib/synchronized/filters/refusals.js';
import { eventually } from '../../support/eventually.js';
import { freePort } from '../../support/redis-ports.js';
import type { LogRecorder } from './fixtures/log-recorder.js';
import {
  afterTest,
  ownSpace,
  type Platform,
  someoneWaits,
  startApp,
  startPeer,
  type TestApp,
} from './fixtures/test-app.js';

const PROTO = fileURLToPath(new URL('fixtures/shares.proto', import.meta.url));

const ran: string[] = [];
const warnings: string[] = [];
const onWarning = (warning: Error): void => void warnings.push(String(warning));

beforeEach(() => {
  ran.length = warnings.length = 0;
  process.on('warning', onWarning);
});
afterEach(() => void process.off('warning', onWarning));

interface Id {
  readonly id: string;
}

/** An Observable that emits nothing and never ends. */
function silence(): Observable<never> {
  ran.push('begun');
  return new Observable((subscriber) => {
    subscriber.add(() => void ran.push('ended'));
    return NEVER.subscribe(subscriber);
  });
}

@Controller()
class Messages {
  @MessagePattern('extend')
  @Synchronized('x')
  async extend(@Payload() share: Id): Promise<Id> {
    ran.push('extend');
    return share;
  }

  @MessagePattern('watch')
  @Synchronized('x')
  watch(): Observable<never> {
    return silence();
  }

  @MessagePattern('file')
  @Synchronized('x')
  async file(): Promise<StreamableFile> {
    return new StreamableFile(Readable.from(['a']));
  }
}

@Controller()
class Procedures {
  @GrpcMethod('ShareService', 'Extend')
  @Synchronized('x')
  async extend(@Payload() share: Id): Promise<Id> {
    ran.push('extend');
    return share;
  }

  @GrpcMethod('ShareService', 'Watch')
  @Synchronized('x')
  watch(): Observable<never> {
    return silence();
  }
}

@ObjectType()
class Share {
  @Field(() => String)
  id!: string;

  @Field(() => String)
  size?: string;
}

@Resolver(() => Share)
class Shares {
  @Query(() => Share)
  @Synchronized('x')
  async share(@Args('id') id: string): Promise<Id> {
    ran.push('share');
    return { id };
  }

  @Query(() => [Share])
  async shares(): Promise<Id[]> {
    return Array.from({ length: 30 }, (_, index) => ({ id: String(index) }));
  }

  @ResolveField(() => String)
  @Synchronized('x')
  async size(): Promise<string> {
    ran.push('size');
    return 'large';
  }
}

interface GraphqlOptions {
  readonly driver: unknown;
  readonly subscriptions?: object;
}

/** A call that waits for its lock, and how its client leaves. */
type Leave = () => void;

async function expectPlaceGivenUp(
  { coordinator, log, backendUrl }: TestApp & { readonly backendUrl: string },
  call: () => Leave,
  calls = 1,
): Promise<void> {
  const peer = await startPeer({ backendUrl });
  const lock = peer.getLock('x');
  await lock.acquire();
  const waiting = someoneWaits(coordinator, calls);
  const leave = call();
  await waiting;
  leave();
  // The only sign of it, as such a client gets no answer.
  await eventually(() => log.of('debug').filter((line) => line.includes('not acquired')).length === calls);
  await lock.release();
  await coordinator.using('x', () => undefined);
  expect(ran).toEqual([]);
  expect(warnings).toEqual([]);
  expectNobodyRefused(log);
}

/** Who has left was not refused, and is in no line that tells of calls that were. */
function expectNobodyRefused(log: LogRecorder): void {
  refusals.flush();
  expect(log.of('warn').filter((line) => line.includes('refused in the last minute'))).toEqual([]);
}

async function startGraphql(platform: Platform, options: GraphqlOptions) {
  const backendUrl = ownSpace();
  const started = await startApp({
    platform,
    imports: [
      GraphQLModule.forRoot({
        autoSchemaFile: true,
        fieldResolverEnhancers: ['interceptors'],
        ...options,
      } as GqlModuleOptions),
    ],
    providers: [Shares],
    coordination: { backendUrl },
  });
  const ask = (query: string): Leave => {
    const leaving = new AbortController();
    fetch(`${started.url}/graphql`, {
      method: 'POST',
      body: JSON.stringify({ query }),
      headers: { 'content-type': 'application/json' },
      signal: leaving.signal,
    }).catch(() => undefined);
    return () => leaving.abort();
  };
  return { ...started, backendUrl, ask };
}

const DRIVERS: [string, Platform, GraphqlOptions][] = [
  ['Apollo on express', 'express', { driver: ApolloDriver }],
  ['Apollo on fastify', 'fastify', { driver: ApolloDriver }],
  ['Mercurius', 'fastify', { driver: MercuriusDriver }],
];

describe.each(DRIVERS)('a GraphQL client of %s that leaves', (_name, platform, options) => {
  it('gives up its place', async () => {
    const started = await startGraphql(platform, options);
    await expectPlaceGivenUp(started, () => started.ask('{ share(id: "7") { id } }'));
  });

  it('gives up the places of many fields at once, and nothing warns of listeners', async () => {
    const started = await startGraphql(platform, options);
    await expectPlaceGivenUp(started, () => started.ask('{ shares { size } }'), 30);
  });
});

describe('a GraphQL client on a WebSocket that leaves', () => {
  it('gives up its place', async () => {
    const started = await startGraphql('express', {
      driver: ApolloDriver,
      subscriptions: { 'graphql-ws': true },
    });
    await expectPlaceGivenUp(started, () => {
      const client = createClient({
        url: `${started.url.replace('http', 'ws')}/graphql`,
        webSocketImpl: WebSocket,
        retryAttempts: 0,
      });
      client.subscribe(
        { query: '{ share(id: "7") { id } }' },
        { next: () => undefined, error: () => undefined, complete: () => undefined },
      );
      return () => client.terminate();
    });
  });
});

async function startMessages(transport: 'tcp' | 'grpc') {
  const backendUrl = ownSpace();
  const port = await freePort();
  const options =
    transport === 'tcp'
      ? ({ transport: Transport.TCP, options: { host: '127.0.0.1', port } } as const)
      : ({
          transport: Transport.GRPC,
          options: { package: 'shares', protoPath: PROTO, url: `127.0.0.1:${port}` },
        } as const);
  const started = await startApp({
    controllers: [transport === 'tcp' ? Messages : Procedures],
    coordination: { backendUrl },
    configure: async (app: INestApplication) => {
      app.connectMicroservice(options, { inheritAppConfig: true });
      await app.startAllMicroservices();
    },
  });
  const client = ClientProxyFactory.create(options) as ClientProxy & ClientGrpc;
  afterTest(async () => void client.close());
  const send = (name: 'extend' | 'watch'): Observable<unknown> => {
    if (transport === 'tcp') return client.send(name, { id: '7' });
    return client.getService<Record<string, (share: Id) => Observable<unknown>>>('ShareService')[name]!({
      id: '7',
    });
  };
  const call = (name: 'extend' | 'watch'): Leave => {
    const subscription = send(name).subscribe({ error: (error: unknown) => void ran.push(String(error)) });
    return () => {
      subscription.unsubscribe();
      // Over TCP nothing tells of that; the connection has to go.
      if (transport === 'tcp') void client.close();
    };
  };
  return { ...started, backendUrl, call, client };
}

describe.each(['tcp', 'grpc'] as const)('a client over %s that leaves', (transport) => {
  it('gives up its place', async () => {
    const started = await startMessages(transport);
    await expectPlaceGivenUp(started, () => started.call('extend'));
  });

  it('ends the Observable that it was reading, which would not end by itself', async () => {
    const { coordinator, call, log } = await startMessages(transport);
    const leave = call('watch');
    await eventually(() => ran.includes('begun'));
    leave();
    await coordinator.using('x', () => undefined);
    expect(ran).toEqual(['begun', 'ended']);
    expect(log.of('error')).toEqual([]);
    expectNobodyRefused(log);
  });
});

describe('a message handler that returns a stream', () => {
  it('is told that only HTTP sends it, and gives its lock back', async () => {
    const { client, coordinator, log } = await startMessages('tcp');
    await expect(firstValueFrom(client.send('file', {}))).rejects.toMatchObject({ statusCode: 500 });
    expect(log.of('error').join()).toContain('Messages.file: it returned a stream, which only HTTP sends');
    await coordinator.using('x', () => undefined);
  });
});
