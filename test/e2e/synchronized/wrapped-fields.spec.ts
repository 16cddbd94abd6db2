import { ApolloDriver } from '@nestjs/apollo';
import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { type GqlModuleOptions, GraphQLModule, Query, ResolveField, Resolver } from '@nestjs/graphql';
import { concatMap, type Observable } from 'rxjs';
import { beforeEach, expect, it } from 'vitest';
import { type CoordinatorService, Synchronized } from 'nestjs-coordination';
import { ownSpace, startApp, startPeer } from './fixtures/test-app.js';
import { Timed } from './fixtures/timed.js';

let peer: CoordinatorService;
let freeAtCommit: boolean[] = [];
beforeEach(() => {
  freeAtCommit = [];
});

/** As one that commits when the handler has ended. */
@Injectable()
class Commits implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (context.getHandler().name === 'share') return next.handle();
    return next.handle().pipe(
      concatMap(async (value) => {
        const lock = peer.getLock('share-7');
        const free = await lock.acquire(50);
        freeAtCommit.push(free);
        if (free) await lock.release();
        return value;
      }),
    );
  }
}

const typeDefs = `type Share { plain: String, wrapped: String } type Query { share: Share, root: String, wrappedRoot: String }`;

@Resolver('Share')
class Shares {
  @Query()
  share(): object {
    return { id: '7' };
  }

  @Query()
  @Synchronized('share-7')
  async root(): Promise<string> {
    return 'root';
  }

  @Query('wrappedRoot')
  @Timed()
  @Synchronized('share-7')
  async wrappedRoot(): Promise<string> {
    return 'root';
  }

  @ResolveField()
  @Synchronized('share-7')
  async plain(): Promise<string> {
    return 'plain';
  }

  @ResolveField('wrapped')
  @Timed()
  @Synchronized('share-7')
  async wrapped(): Promise<string> {
    return 'wrapped';
  }
}

it.each(['{ root }', '{ wrappedRoot }', '{ share { plain } }', '{ share { wrapped } }'])(
  'a resolver holds its lock until the interceptors have ended: %s',
  async (query) => {
    const backendUrl = ownSpace();
    const { url } = await startApp({
      imports: [
        GraphQLModule.forRoot({
          typeDefs,
          driver: ApolloDriver,
          fieldResolverEnhancers: ['interceptors'],
        } as GqlModuleOptions),
      ],
      providers: [Shares, { provide: APP_INTERCEPTOR, useClass: Commits }],
      coordination: { backendUrl },
    });
    peer = await startPeer({ backendUrl });
    const reply = await fetch(`${url}/graphql`, {
      method: 'POST',
      body: JSON.stringify({ query }),
      headers: { 'content-type': 'application/json' },
    });
    expect(await reply.text()).toContain('"data"');
    expect(freeAtCommit).toEqual([false]);
  },
);
