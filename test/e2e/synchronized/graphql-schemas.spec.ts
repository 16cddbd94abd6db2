import { ApolloDriver } from '@nestjs/apollo';
import { type GqlModuleOptions, GraphQLModule, GraphQLSchemaHost } from '@nestjs/graphql';
import { MercuriusDriver } from '@nestjs/mercurius';
import { createClient } from 'graphql-ws';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { refusals } from '../../../lib/synchronized/filters/refusals.js';
import { callSizes, Sizes, type Way, WAYS } from './fixtures/sized-shares.js';
import { afterTest, ownSpace, type Platform, startApp, startPeer } from './fixtures/test-app.js';

const DRIVERS: [string, Platform, GqlModuleOptions][] = [
  ['Apollo on express', 'express', { driver: ApolloDriver }],
  ['Apollo on fastify', 'fastify', { driver: ApolloDriver }],
  ['Mercurius', 'fastify', { driver: MercuriusDriver }],
  ['Mercurius that compiles queries', 'fastify', { driver: MercuriusDriver, jit: 1 } as GqlModuleOptions],
];

async function start(platform: Platform, way: Way, driver: GqlModuleOptions) {
  const backendUrl = ownSpace();
  const { options, resolver } = WAYS[way];
  const started = await startApp({
    platform,
    imports: [GraphQLModule.forRoot({ ...options, ...driver })],
    providers: [resolver, Sizes],
    coordination: { backendUrl },
  });
  callSizes(started.app.get(Sizes));
  const peer = await startPeer({ backendUrl });
  const ask = async (query: string): Promise<string> => {
    const reply = await fetch(`${started.url}/graphql`, {
      method: 'POST',
      body: JSON.stringify({ query }),
      headers: { 'content-type': 'application/json' },
    });
    return reply.text();
  };
  return { ...started, ask, peer };
}

const OF_BOTH = [
  ['a getter', '{ share { byGetter } }'],
  ['a promise in a list', '{ share { inList } }'],
  ['what can be awaited', '{ share { byThenable } }'],
];

/** A query that is compiled awaits no type. */
const OF_UNION = ['the type of a union', '{ found { ... on Folder { name } } }'];
const TYPE_QUERIES: Record<Way, string[][]> = {
  'code first': [OF_UNION],
  'schema first': [OF_UNION, ['what tells its own type', '{ known { ... on Drive { name } } }']],
};

const QUERIES: Record<Way, string[][]> = {
  'code first': [...OF_BOTH, ['a field middleware', '{ share { byMiddleware } }']],
  'schema first': [
    ...OF_BOTH,
    ['a method', '{ share { byMethod } }'],
    ['a promise in a list of lists', '{ share { inListOfLists } }'],
  ],
};

const CASES = DRIVERS.flatMap(([name, platform, driver]) =>
  (['code first', 'schema first'] as const).flatMap((way) =>
    [...QUERIES[way], ...('jit' in driver ? [] : TYPE_QUERIES[way])].map(([what, query]) => ({
      name,
      way,
      what,
      query: query!,
      platform,
      driver,
    })),
  ),
);

describe('a service that is called from where no resolver stands', () => {
  it.each(CASES)('$name, $way: tells no lock name by $what', async ({ platform, way, driver, query }) => {
    const { ask, peer, log } = await start(platform, way, driver);
    const free = [await ask(query), await ask(query)];
    expect(free.map((answer) => Object.keys(JSON.parse(answer) as object))).toEqual([['data'], ['data']]);
    await peer.getLock('size-7').acquire();
    const answer = await ask(query);
    expect(answer).toContain('"message":"Locked"');
    expect(answer).not.toContain('size-7');
    expect(answer).not.toContain(peer.memberId);
    refusals.flush();
    expect(log.of('warn').join()).toContain('1 call was refused in the last minute');
  });

  it.each(DRIVERS)('has a line in the log for a mistake, with %s', async (_name, platform, driver) => {
    const { ask, log } = await start(platform, 'code first', driver);
    expect(await ask('{ share { byMistake } }')).toContain('"message":"Internal Server Error"');
    expect(log.of('error').filter((line) => line.includes('Sizes.of'))).toHaveLength(1);
  });

  describe.each([
    ['Apollo', 'express', { driver: ApolloDriver, subscriptions: { 'graphql-ws': true } }],
    ['Mercurius', 'fastify', { driver: MercuriusDriver, subscription: true }],
  ] as const)('a subscription with %s', (_name, platform, driver) => {
    async function subscribe(field: string) {
      const { url, peer } = await start(platform, 'code first', driver as GqlModuleOptions);
      await peer.getLock('size-7').acquire();
      const client = createClient({
        url: `${url.replace('http', 'ws')}/graphql`,
        webSocketImpl: WebSocket,
        retryAttempts: 0,
      });
      afterTest(async () => void client.dispose());
      return client.iterate<Record<string, string>>({ query: `subscription { ${field} }` });
    }

    it('tells no lock name by its values', async () => {
      const values = await subscribe('ticks');
      const told: unknown = await values.next().catch((error: unknown) => error);
      expect(JSON.stringify(told)).toContain('"message":"Locked"');
      expect(JSON.stringify(told)).not.toContain('size-7');
    });

    it('tells no lock name when it fails on its way', async () => {
      const values = await subscribe('lateTicks');
      expect(await values.next()).toMatchObject({ value: { data: { lateTicks: 'tick' } } });
      const told: unknown = await values.next().catch((error: unknown) => error);
      expect(told).toEqual([{ message: 'Locked' }]);
    });
  });

  it('tells no lock name where a build has renamed the class that keeps the schema', async () => {
    const name = Object.getOwnPropertyDescriptor(GraphQLSchemaHost, 'name')!;
    Object.defineProperty(GraphQLSchemaHost, 'name', { ...name, value: 'a' });
    afterTest(async () => void Object.defineProperty(GraphQLSchemaHost, 'name', name));
    const { ask, peer } = await start('express', 'code first', { driver: ApolloDriver });
    await peer.getLock('size-7').acquire();
    const answer = await ask('{ share { byGetter } }');
    expect(answer).toContain('"message":"Locked"');
    expect(answer).not.toContain('size-7');
  });
});

describe('a schema', () => {
  it('answers fields as the driver was told to, where nothing stands for them', async () => {
    const fieldResolver = (
      _source: unknown,
      _args: unknown,
      _context: unknown,
      info: { fieldName: string },
    ) => `own ${info.fieldName}`;
    const { ask } = await start('express', 'schema first', {
      driver: ApolloDriver,
      fieldResolver,
    } as GqlModuleOptions);
    const answer: unknown = JSON.parse(await ask('{ found { ... on Folder { name } } }'));
    expect(answer).toEqual({ data: { found: { name: 'own name' } } });
  });
});
