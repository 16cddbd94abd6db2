import {
  type CallHandler,
  Controller,
  Get,
  type INestApplication,
  Injectable,
  type NestInterceptor,
  Param,
  type Provider,
  type Type,
  UseInterceptors,
} from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { catchError, concatMap, defer, type Observable } from 'rxjs';
import { beforeEach, describe, expect, it } from 'vitest';
import { Synchronized } from 'nestjs-coordination';
import { startApp } from './fixtures/test-app.js';

const journal: string[] = [];
beforeEach(() => void (journal.length = 0));

/** What talks to a database takes its turns of the event loop. */
async function write(line: string): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  journal.push(line);
}

@Injectable()
class Transaction implements NestInterceptor {
  intercept(...[, next]: [unknown, CallHandler]): Observable<unknown> {
    return defer(() => write('BEGIN')).pipe(
      concatMap(() => next.handle()),
      concatMap((value: unknown) => write('COMMIT').then(() => value)),
      catchError((error: unknown) =>
        write('ROLLBACK').then(() => {
          throw error;
        }),
      ),
    );
  }
}

class Routes {
  @Get('extend/:id')
  @Synchronized('share-<id>')
  async extend(@Param('id') id: string): Promise<void> {
    await write(`body ${id}`);
    if (id === 'broken') throw new Error('the disk is full');
  }

  @Get('constant')
  @Synchronized('exports')
  async constant(): Promise<void> {
    await write('body');
  }

  @Get('early')
  @Synchronized('exports', { beforeInterceptors: true })
  async early(): Promise<void> {
    await write('body');
  }
}

@Controller()
class PlainController extends Routes {}

@Controller()
@UseInterceptors(Transaction)
class BoundController extends Routes {}

@Controller()
class MethodController extends Routes {
  @Get('extend/:id')
  @UseInterceptors(Transaction)
  @Synchronized('share-<id>')
  override async extend(@Param('id') id: string): Promise<void> {
    await write(`body ${id}`);
    if (id === 'broken') throw new Error('the disk is full');
  }

  @Get('constant')
  @Synchronized('exports')
  @UseInterceptors(Transaction)
  override async constant(): Promise<void> {
    await write('body');
  }

  @Get('early')
  @Synchronized('exports', { beforeInterceptors: true })
  @UseInterceptors(Transaction)
  override async early(): Promise<void> {
    await write('body');
  }
}

type Case = [
  string,
  { controller: Type; providers?: Provider[]; configure?: (app: INestApplication) => void },
];

const CASES: Case[] = [
  [
    'global, by APP_INTERCEPTOR',
    { controller: PlainController, providers: [{ provide: APP_INTERCEPTOR, useClass: Transaction }] },
  ],
  [
    'global, by useGlobalInterceptors',
    { controller: PlainController, configure: (app) => void app.useGlobalInterceptors(new Transaction()) },
  ],
  ['bound to the controller', { controller: BoundController }],
  ['bound to the method', { controller: MethodController }],
];

describe.each(CASES)(
  'with a transaction interceptor %s',
  (_where, { controller, providers = [], configure }) => {
    async function start(): Promise<string> {
      const { url, coordinator } = await startApp({ controllers: [controller], providers, configure });
      coordinator.on('lease.acquired', () => journal.push('LOCK'));
      coordinator.on('lease.released', () => journal.push('UNLOCK'));
      return url;
    }

    it('gives the lock back after the commit', async () => {
      const url = await start();
      expect((await fetch(`${url}/extend/7`)).status).toBe(200);
      expect(journal).toEqual(['BEGIN', 'LOCK', 'body 7', 'COMMIT', 'UNLOCK']);
    });

    it('gives the lock back after the rollback of a failed body', async () => {
      const url = await start();
      expect((await fetch(`${url}/extend/broken`)).status).toBe(500);
      expect(journal).toEqual(['BEGIN', 'LOCK', 'body broken', 'ROLLBACK', 'UNLOCK']);
    });

    it('takes a lock whose name needs no argument as late as any other', async () => {
      const url = await start();
      expect((await fetch(`${url}/constant`)).status).toBe(200);
      expect(journal).toEqual(['BEGIN', 'LOCK', 'body', 'COMMIT', 'UNLOCK']);
    });

    it('takes it before the transaction begins where that was asked for', async () => {
      const url = await start();
      expect((await fetch(`${url}/early`)).status).toBe(200);
      expect(journal).toEqual(['LOCK', 'BEGIN', 'body', 'COMMIT', 'UNLOCK']);
    });

    it('lets no two transactions of a name overlap from body to commit', async () => {
      const url = await start();
      await Promise.all([1, 2, 3].map(() => fetch(`${url}/extend/7`)));
      const order = journal.filter((line) => line !== 'BEGIN').join(' ');
      expect(order).toBe(Array.from({ length: 3 }, () => 'LOCK body 7 COMMIT UNLOCK').join(' '));
    });
  },
);
