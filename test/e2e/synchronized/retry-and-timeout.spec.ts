import {
  type CallHandler,
  Controller,
  Get,
  type NestInterceptor,
  Param,
  type PipeTransform,
  RequestTimeoutException,
  UseInterceptors,
} from '@nestjs/common';
import { catchError, defer, type Observable, of, retry, throwError, timeout } from 'rxjs';
import { beforeEach, describe, expect, it } from 'vitest';
import { Synchronized } from 'nestjs-coordination';
import { eventually } from '../../support/eventually.js';
import { Gate } from './fixtures/gate.js';
import { ownSpace, startApp, startPeer } from './fixtures/test-app.js';
import { Timed } from './fixtures/timed.js';

/** Far longer than a handler takes to reach its body on a busy machine, ms. */
const LONGEST_WAIT = 500;

const journal: string[] = [];
let gate: Gate;
beforeEach(() => {
  journal.length = 0;
  gate = new Gate();
});

class TwoTries implements NestInterceptor {
  intercept(...[, next]: [unknown, CallHandler]): Observable<unknown> {
    return next.handle().pipe(retry(1));
  }
}

class Impatient implements NestInterceptor {
  intercept(...[, next]: [unknown, CallHandler]): Observable<unknown> {
    return next.handle().pipe(
      timeout(LONGEST_WAIT),
      catchError(() => throwError(() => new RequestTimeoutException())),
    );
  }
}

/** Gives up the first try while its body still runs, and starts a second one. */
class ImpatientTwice implements NestInterceptor {
  intercept(...[, next]: [unknown, CallHandler]): Observable<unknown> {
    let tries = 0;
    return defer(() => {
      tries += 1;
      return tries === 1 ? next.handle().pipe(timeout(LONGEST_WAIT)) : next.handle();
    }).pipe(retry(1));
  }
}

/** Gives up what takes too long, and tries again. */
class ImpatientThrice implements NestInterceptor {
  intercept(...[, next]: [unknown, CallHandler]): Observable<unknown> {
    return next.handle().pipe(timeout(2 * LONGEST_WAIT), retry(2));
  }
}

/** A pipe that looks something up, and takes its time. */
class SlowPipe implements PipeTransform {
  async transform(value: unknown): Promise<unknown> {
    await gate.pass();
    journal.push('pipe ended');
    return value;
  }
}

@Controller()
class Routes {
  tries = 0;

  @Get('retried/:id')
  @UseInterceptors(TwoTries)
  @Synchronized('share-<id>')
  async retried(@Param('id') id: string): Promise<string> {
    this.tries += 1;
    journal.push(`try ${this.tries}`);
    await Promise.resolve();
    if (this.tries === 1) throw new Error('try again');
    return id;
  }

  @Get('constant')
  @UseInterceptors(TwoTries)
  @Synchronized('share-7')
  async constant(): Promise<string> {
    return this.retried('x').finally(() => undefined);
  }

  @Get('observed/:id')
  @UseInterceptors(TwoTries)
  @Synchronized('share-<id>')
  observed(@Param('id') id: string): Observable<string> {
    this.tries += 1;
    journal.push(`try ${this.tries}`);
    return this.tries === 1 ? throwError(() => new Error('try again')) : of(id);
  }

  @Get('overtaken/:id')
  @UseInterceptors(ImpatientTwice)
  @Synchronized('share-<id>')
  async overtaken(@Param('id') id: string): Promise<string> {
    this.tries += 1;
    const mine = this.tries;
    journal.push(`begin ${mine}`);
    if (mine === 1) await gate.pass();
    journal.push(`end ${mine}`);
    return id;
  }

  @Get('insisted/:id')
  @UseInterceptors(ImpatientThrice)
  @Synchronized('share-<id>')
  async insisted(@Param('id') id: string): Promise<string> {
    this.tries += 1;
    journal.push(`try ${this.tries}`);
    return id;
  }

  @Get('measured/:id')
  @UseInterceptors(ImpatientThrice)
  @Timed()
  @Synchronized('share-<id>')
  async measured(@Param('id') id: string): Promise<string> {
    this.tries += 1;
    journal.push(`try ${this.tries}`);
    return id;
  }

  @Get('slow/:id')
  @UseInterceptors(Impatient)
  @Synchronized('share-<id>')
  async slow(@Param('id') id: string): Promise<string> {
    journal.push('begin');
    await gate.pass();
    journal.push('end');
    return id;
  }

  @Get('piped/:id')
  @UseInterceptors(Impatient)
  @Synchronized('share-<id>')
  async piped(@Param('id', SlowPipe) id: string): Promise<string> {
    journal.push('begin');
    return id;
  }
}

async function start() {
  const backendUrl = ownSpace();
  const started = await startApp({ controllers: [Routes], coordination: { backendUrl } });
  const peer = await startPeer({ backendUrl });
  started.coordinator.on('lease.acquired', () => journal.push('LOCK'));
  started.coordinator.on('lease.released', () => journal.push('UNLOCK'));
  return { ...started, lock: peer.getLock('share-7') };
}

describe('a handler that a retry interceptor enters again', () => {
  it.each(['retried', 'observed'])('keeps its lock from the first try to the last: %s', async (route) => {
    const { url } = await start();
    const reply = await fetch(`${url}/${route}/7`);
    expect([reply.status, await reply.text()]).toEqual([200, '7']);
    expect(journal).toEqual(['LOCK', 'try 1', 'try 2', 'UNLOCK']);
  });

  it('never runs beside the body of an earlier try', async () => {
    const { url, lock } = await start();
    const call = fetch(`${url}/overtaken/7`);
    await gate.reached;
    await eventually(() => journal.includes('begin 1'));
    // Long enough for the second try to begin, if it could.
    expect(await lock.acquire(2 * LONGEST_WAIT)).toBe(false);
    gate.open();
    expect(await (await call).text()).toBe('7');
    expect(journal).toEqual(['LOCK', 'begin 1', 'end 1', 'begin 2', 'end 2', 'UNLOCK']);
  });
});

describe('a handler that is tried again while it waits for its lock', () => {
  it.each(['insisted', 'measured'])('runs once, for the last try: %s', async (path) => {
    const { url, coordinator, lock } = await start();
    await lock.acquire();
    let waiting = 0;
    coordinator.on('lease.waiting', () => (waiting += 1));
    const started = performance.now();
    const call = fetch(`${url}/${path}/7`);
    await eventually(() => waiting >= 1);
    // Into the second try, or the third.
    await eventually(() => performance.now() - started > 3 * LONGEST_WAIT);
    await lock.release();
    expect((await call).status).toBe(200);
    await coordinator.using('share-7', () => undefined);
    expect(journal.filter((entry) => entry.startsWith('try'))).toEqual(['try 1']);
  });
});

describe('a handler that a timeout interceptor gives up', () => {
  it('answers at once, and keeps the lock until the body has really ended', async () => {
    const { url, lock } = await start();
    expect((await fetch(`${url}/slow/7`)).status).toBe(408);
    expect(await lock.acquire(false)).toBe(false);
    expect(journal).toEqual(['LOCK', 'begin']);
    gate.open();
    expect(await lock.acquire()).toBe(true);
    expect(journal).toEqual(['LOCK', 'begin', 'end', 'UNLOCK']);
  });

  it('does not start the body when the lock was still being waited for', async () => {
    const { url, coordinator, lock } = await start();
    await lock.acquire();
    expect((await fetch(`${url}/slow/7`)).status).toBe(408);
    await lock.release();
    // Who comes next finds no place taken in front of it.
    await coordinator.using('share-7', { blocking: false }, () => undefined);
    expect(journal).not.toContain('begin');
  });

  it('does not start the body when a pipe was still running', async () => {
    const { url, coordinator } = await start();
    expect((await fetch(`${url}/piped/7`)).status).toBe(408);
    gate.open();
    await eventually(() => journal.includes('pipe ended'));
    await coordinator.using('share-7', () => undefined);
    await coordinator.using('share-7', () => undefined);
    expect(journal).not.toContain('begin');
  });
});
