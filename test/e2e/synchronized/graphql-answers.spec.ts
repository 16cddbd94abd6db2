import { ApolloDriver } from '@nestjs/apollo';
import { type GqlModuleOptions, GraphQLModule, Query, Resolver } from '@nestjs/graphql';
import { MercuriusDriver } from '@nestjs/mercurius';
import { Injectable } from '@nestjs/common';
import { createClient } from 'graphql-ws';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { Synchronized } from 'nestjs-coordination';
import { afterTest, ownSpace, startApp, startPeer } from './fixtures/test-app.js';

@Injectable()
class Sizes {
  @Synchronized('size-<id>', { blocking: 20 })
  async of(id: string): Promise<string> {
    return `size of ${id}`;
  }
}

const typeDefs = `type Subscription { ticks: String } type Query { loadMany: [String], settled: [String], one: String, set: [String], generator: [String] }`;

@Resolver()
class Root {
  constructor(private readonly sizes: Sizes) {}

  /** As `loadMany` of a DataLoader gives an error for each key that failed. */
  @Query()
  async loadMany(): Promise<unknown[]> {
    return Promise.all(['7', '8'].map((id) => this.sizes.of(id).catch((error: unknown) => error)));
  }

  @Query()
  async settled(): Promise<unknown[]> {
    const all = await Promise.allSettled(['7', '8'].map((id) => this.sizes.of(id)));
    return all.map((each) => (each.status === 'fulfilled' ? each.value : each.reason));
  }

  @Query()
  async one(): Promise<unknown> {
    return this.sizes.of('7').catch((error: unknown) => error);
  }

  /** GraphQL takes any iterable for a list. */
  @Query()
  set(): Set<Promise<string>> {
    return new Set([this.sizes.of('7')]);
  }

  @Query()
  *generator(): Generator<Promise<string>> {
    yield this.sizes.of('7');
  }
}

const DRIVERS = [
  ['Apollo', 'express', { driver: ApolloDriver }],
  ['Mercurius', 'fastify', { driver: MercuriusDriver }],
] as [string, 'express' | 'fastify', GqlModuleOptions][];

describe.each(DRIVERS)('an answer of GraphQL, with %s', (_name, platform, driver) => {
  it.each(['loadMany', 'settled', 'one', 'set', 'generator'])('tells no lock name by %s', async (field) => {
    const backendUrl = ownSpace();
    const { url } = await startApp({
      platform,
      imports: [GraphQLModule.forRoot({ typeDefs, ...driver })],
      providers: [Root, Sizes],
      coordination: { backendUrl },
    });
    const peer = await startPeer({ backendUrl });
    await peer.getLock('size-7').acquire();
    const reply = await fetch(`${url}/graphql`, {
      method: 'POST',
      body: JSON.stringify({ query: `{ ${field} }` }),
      headers: { 'content-type': 'application/json' },
    });
    const text = await reply.text();
    expect(text).not.toContain('size-7');
    expect(text).not.toContain(peer.memberId);
    expect(text).toContain('"message":"Locked"');
  });
});

it('a subscription in the option `resolvers` tells no lock name by its values', async () => {
  const backendUrl = ownSpace();
  let sizes: Sizes | undefined;
  const subscribe = async function* (): AsyncGenerator<object> {
    yield { ticks: await sizes?.of('7') };
  };
  const resolvers = { Subscription: { ticks: { subscribe } } };
  const { url, app } = await startApp({
    imports: [
      GraphQLModule.forRoot({
        typeDefs,
        resolvers,
        driver: ApolloDriver,
        subscriptions: { 'graphql-ws': true },
      } as GqlModuleOptions),
    ],
    providers: [Root, Sizes],
    coordination: { backendUrl },
  });
  sizes = app.get(Sizes);
  const peer = await startPeer({ backendUrl });
  await peer.getLock('size-7').acquire();
  const client = createClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
  });
  afterTest(async () => void client.dispose());
  const told: unknown = await client
    .iterate({ query: 'subscription { ticks }' })
    .next()
    .catch((error: unknown) => error);
  expect(told).toEqual([{ message: 'Locked' }]);
});
