import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import {
  Args,
  Field,
  GraphQLModule,
  ID,
  Mutation,
  ObjectType,
  Parent,
  Query,
  ResolveField,
  Resolver,
  Subscription,
} from '@nestjs/graphql';
import { Injectable } from '@nestjs/common';
import { createClient } from 'graphql-ws';
import { describe, expect, it } from 'vitest';
import { currentLease, Synchronized } from 'nestjs-coordination';
import { WebSocket } from 'ws';
import { eventually } from '../../support/eventually.js';
import { Gate } from './fixtures/gate.js';
import { Overlap } from './fixtures/overlap.js';
import { afterTest, ownSpace, someoneWaits, startApp, startPeer } from './fixtures/test-app.js';

@ObjectType()
class Share {
  @Field(() => ID)
  id!: string;

  @Field(() => String)
  lease?: string;

  @Field(() => String)
  size?: string;

  @Field(() => String)
  sizeByService?: string;

  @Field(() => String)
  sizeOfAll?: string;
}

@Injectable()
class Sizes {
  @Synchronized('size-<id>', { blocking: 20 })
  async of(id: string): Promise<string> {
    return id;
  }
}

@Resolver(() => Share)
class ShareResolver {
  constructor(private readonly sizes: Sizes) {}

  readonly overlap = new Overlap();
  readonly gate = new Gate();
  ended = 0;

  @Query(() => Share)
  @Synchronized('share-<id>', { blocking: 2000 })
  async share(@Args('id', { type: () => ID }) id: string): Promise<Share> {
    await this.overlap.body();
    return { id, lease: currentLease()?.name };
  }

  @Query(() => Share)
  @Synchronized('share-<id>')
  async patientShare(@Args('id', { type: () => ID }) id: string): Promise<Share> {
    this.overlap.total += 1;
    return { id };
  }

  @Synchronized('share-<id>')
  @Mutation(() => Share)
  async extend(@Args('id', { type: () => ID }) id: string): Promise<Share> {
    await this.overlap.body();
    return { id, lease: currentLease()?.name };
  }

  @ResolveField(() => String)
  @Synchronized('size-<share.id>', { blocking: 20 })
  async size(@Parent() share: Share): Promise<string | undefined> {
    this.overlap.total += 1;
    return share.id && currentLease()?.name;
  }

  @ResolveField(() => String)
  async sizeByService(@Parent() share: Share): Promise<string> {
    return this.sizes.of(share.id);
  }

  @ResolveField(() => String)
  async sizeOfAll(): Promise<string> {
    return this.sizes.of('all');
  }

  @Subscription(() => String, { resolve: (value: string) => value })
  @Synchronized('ticks-<id>', { blocking: 20 })
  async *brief(@Args('id', { type: () => ID }) id: string): AsyncGenerator<string> {
    yield id;
  }

  @Subscription(() => String, { resolve: (value: string) => value })
  @Synchronized('ticks-<id>')
  async *ticks(@Args('id', { type: () => ID }) id: string): AsyncGenerator<string> {
    try {
      yield `${id} ${currentLease()?.name}`;
      await this.gate.pass();
      yield 'last';
    } finally {
      this.ended += 1;
    }
  }

  @Subscription(() => String, { resolve: (value: string) => value })
  @Synchronized('ticks')
  async hiddenTicks(): Promise<AsyncIterable<string>> {
    return (async function* () {
      yield 'a';
    })();
  }
}

interface Answer {
  data?: Record<string, unknown> | null;
  errors?: { message: string; extensions?: unknown }[];
}

async function start() {
  const backendUrl = ownSpace();
  const started = await startApp({
    imports: [
      GraphQLModule.forRoot<ApolloDriverConfig>({
        driver: ApolloDriver,
        autoSchemaFile: true,
        subscriptions: { 'graphql-ws': true },
      }),
    ],
    providers: [ShareResolver, Sizes],
    coordination: { backendUrl },
  });
  const peer = await startPeer({ backendUrl });
  const ask = async (query: string, signal?: AbortSignal): Promise<Answer> => {
    const reply = await fetch(`${started.url}/graphql`, {
      method: 'POST',
      body: JSON.stringify({ query }),
      headers: { 'content-type': 'application/json' },
      signal,
    });
    return (await reply.json()) as Answer;
  };
  const subscriber = createClient({
    url: `${started.url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    lazy: true,
    retryAttempts: 0,
  });
  afterTest(async () => void subscriber.dispose());
  return { ...started, peer, ask, subscriber, resolver: started.app.get(ShareResolver) };
}

describe('a synchronized resolver', () => {
  it('runs queries and mutations one at a time for each name', async () => {
    const { ask, resolver } = await start();
    const answers = await Promise.all([
      ask('{ share(id: 7) { id lease } }'),
      ask('mutation { extend(id: 7) { id lease } }'),
      ask('{ a: share(id: 7) { id } b: share(id: 7) { lease } }'),
    ]);
    expect(answers.map(({ data }) => data)).toEqual([
      { share: { id: '7', lease: 'share-7' } },
      { extend: { id: '7', lease: 'share-7' } },
      { a: { id: '7' }, b: { lease: 'share-7' } },
    ]);
    expect(resolver.overlap.most).toBe(1);
  });

  it('takes a lock of its own for a field, and shows the lease to nobody else', async () => {
    const { ask, resolver } = await start();
    const { data } = await ask('{ a: share(id: 7) { lease size } b: share(id: 7) { size } }');
    expect(data).toEqual({ a: { lease: 'share-7', size: 'size-7' }, b: { size: 'size-7' } });
    expect(resolver.overlap.total).toBe(4);
  });

  it('tells the client that the lock was not to be had, and no lock name', async () => {
    const { ask, peer, resolver } = await start();
    await peer.getLock('share-7').acquire();
    const { errors } = await ask('{ share(id: 7) { id } }');
    expect(errors?.map(({ message }) => message)).toEqual(['Locked']);
    expect(errors?.[0]?.extensions).toMatchObject({
      status: 423,
      originalError: { statusCode: 423, message: 'Locked', code: 'LOCKED' },
    });
    expect(JSON.stringify(errors)).not.toContain('share-7');
    expect(resolver.overlap.total).toBe(0);
  });

  it.each([
    ['a field', 'size', 'size-7'],
    ['a field by a service', 'sizeByService', 'size-7'],
    ['a field without parameters', 'sizeOfAll', 'size-all'],
  ])('tells the client the same of %s, which no filter is asked for', async (_what, field, name) => {
    const { ask, peer } = await start();
    await peer.getLock(name).acquire();
    const { errors } = await ask(`{ share(id: 7) { id ${field} } }`);
    expect(errors?.map(({ message }) => message)).toEqual(['Locked']);
    expect(JSON.stringify(errors)).not.toContain(name);
    expect(JSON.stringify(errors)).not.toContain(peer.memberId);
  });

  it('gives up its place when the client leaves', async () => {
    const { app, ask, peer, coordinator, resolver } = await start();
    const lock = peer.getLock('share-7');
    await lock.acquire();
    const waiting = someoneWaits(coordinator);
    const leave = new AbortController();
    const asked = ask('{ patientShare(id: 7) { id } }', leave.signal).catch(() => 'left');
    await waiting;
    leave.abort();
    expect(await asked).toBe('left');
    const server = app.getHttpServer() as {
      getConnections(callback: (error: unknown, count: number) => void): void;
    };
    await eventually(
      () => new Promise<boolean>((resolve) => server.getConnections((_error, count) => resolve(count === 0))),
    );
    await lock.release();
    await coordinator.using('share-7', () => undefined);
    expect(resolver.overlap.total).toBe(0);
  });
});

describe('a synchronized subscription', () => {
  it('takes the lock with its first value and holds it to the end', async () => {
    const { subscriber, peer, resolver } = await start();
    const lock = peer.getLock('ticks-7');
    const values = subscriber.iterate<Record<string, string>>({ query: 'subscription { ticks(id: 7) }' });
    expect((await values.next()).value?.data).toEqual({ ticks: '7 ticks-7' });
    expect(await lock.acquire(50)).toBe(false);
    resolver.gate.open();
    expect((await values.next()).value?.data).toEqual({ ticks: 'last' });
    expect((await values.next()).done).toBe(true);
    expect(await lock.acquire(5000)).toBe(true);
  });

  it('tells the client that the lock was not to be had, and no lock name', async () => {
    const { subscriber, peer } = await start();
    await peer.getLock('ticks-7').acquire();
    const values = subscriber.iterate({ query: 'subscription { brief(id: 7) }' });
    const told: unknown = await values.next().catch((error: unknown) => error);
    expect(JSON.stringify(told, ['reason', 'message', 'errors'])).toContain('Locked');
    expect(JSON.stringify(told, ['reason', 'message', 'errors'])).not.toContain('ticks-7');
  });

  it('gives the lock back when the client leaves', async () => {
    const { subscriber, peer, resolver } = await start();
    const lock = peer.getLock('ticks-7');
    const values = subscriber.iterate<Record<string, string>>({ query: 'subscription { ticks(id: 7) }' });
    await values.next();
    expect(await lock.acquire(false)).toBe(false);
    await subscriber.dispose();
    resolver.gate.open();
    expect(await lock.acquire(10_000)).toBe(true);
    expect(resolver.ended).toBe(1);
  });

  it('says how to write it when nobody can see that it is one', async () => {
    const { subscriber, log } = await start();
    const values = subscriber.iterate({ query: 'subscription { hiddenTicks }' });
    const outcome: unknown = await values.next().then(
      (result) => (result.value as Answer | undefined)?.errors,
      (error: unknown) => error,
    );
    expect(JSON.stringify(outcome)).toContain('Internal Server Error');
    expect(log.of('error').join()).toContain(
      'ShareResolver.hiddenTicks: it returned an async iterable without being an async generator',
    );
  });
});
