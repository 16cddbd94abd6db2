import {
  type CallHandler,
  Controller,
  Get,
  Injectable,
  type NestInterceptor,
  Post,
  UseInterceptors,
} from '@nestjs/common';
import { concatMap, defer, type Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { currentLease, type Lease, Synchronized } from 'nestjs-coordination';
import { Gate } from './fixtures/gate.js';
import { startApp } from './fixtures/test-app.js';

@Injectable()
class Inner {
  @Synchronized('inner')
  async run(): Promise<string | undefined> {
    await Promise.resolve();
    return currentLease()?.name;
  }
}

@Injectable()
class Outer {
  readonly gate = new Gate();
  afterwards?: Promise<Lease | undefined>;

  constructor(private readonly inner: Inner) {}

  @Synchronized('outer')
  async run(): Promise<unknown[]> {
    const before = currentLease()?.name;
    const inside = await this.inner.run();
    this.afterwards = this.gate.opened.then(() => currentLease());
    return [before, inside, currentLease()?.name];
  }
}

const seen: string[] = [];

/** As one that begins and commits a transaction, each with a look at the lease. */
@Injectable()
class Transaction implements NestInterceptor {
  intercept(...[, next]: [unknown, CallHandler]): Observable<unknown> {
    const look = async (when: string): Promise<void> => {
      await new Promise((resolve) => setImmediate(resolve));
      seen.push(`${when}: ${currentLease()?.name}`);
    };
    return defer(() => look('begin')).pipe(
      concatMap(() => next.handle()),
      concatMap((value: unknown) => look('commit').then(() => value)),
    );
  }
}

@Controller('around')
@UseInterceptors(Transaction)
class AroundController {
  constructor(private readonly inner: Inner) {}

  @Get('late')
  @Synchronized('outer')
  async late(): Promise<unknown> {
    return [await this.inner.run(), currentLease()?.name];
  }

  @Get('early')
  @Synchronized('outer', { beforeInterceptors: true })
  async early(): Promise<unknown> {
    return [await this.inner.run(), currentLease()?.name];
  }

  @Get('plain')
  async plain(): Promise<unknown> {
    return [await this.inner.run(), currentLease()?.name];
  }
}

@Injectable()
@Controller('self')
class SelfController {
  @Synchronized('self')
  async inner(): Promise<string> {
    return 'never';
  }

  @Post('other')
  @Synchronized('self')
  async other(): Promise<string> {
    return this.inner();
  }

  @Post('same')
  @Synchronized('self', { blocking: 50 })
  async same(again = true): Promise<string> {
    return again ? this.same(false) : 'never';
  }
}

describe('currentLease()', () => {
  it('is the innermost lease, and the outer one again afterwards', async () => {
    const { app } = await startApp({ providers: [Inner, Outer] });
    expect(currentLease()).toBeUndefined();
    expect(await app.get(Outer).run()).toEqual(['outer', 'inner', 'outer']);
    expect(currentLease()).toBeUndefined();
  });

  it('is undefined in work that outlives the lease, and in siblings of the call', async () => {
    const { app } = await startApp({ providers: [Inner, Outer] });
    const outer = app.get(Outer);
    const call = outer.run();
    const sibling = Promise.resolve().then(() => currentLease());
    await call;
    expect(await sibling).toBeUndefined();
    outer.gate.open();
    expect(await outer.afterwards).toBeUndefined();
  });
});

describe('currentLease() in what is around a handler', () => {
  it.each([
    ['late', ['begin: undefined', 'commit: outer']],
    ['early', ['begin: outer', 'commit: outer']],
    ['plain', ['begin: undefined', 'commit: undefined']],
  ])('is the lease of the call for as long as that is held: %s', async (path, expected) => {
    const { url } = await startApp({ controllers: [AroundController], providers: [Inner] });
    seen.length = 0;
    const reply = await fetch(`${url}/around/${path}`);
    expect(seen).toEqual(expected);
    // JSON has no undefined.
    expect(await reply.json()).toEqual(['inner', path === 'plain' ? null : 'outer']);
  });
});

describe('a call that waits for a lock that it already holds', () => {
  it.each([
    ['another method of the same name', 'other', 'SelfController.inner', 'SelfController.other'],
    ['the same method', 'same', 'SelfController.same', 'SelfController.same'],
  ])('is told so once, naming the lock and both functions: %s', async (_case, path, waiter, holder) => {
    const { url, log } = await startApp({
      controllers: [SelfController],
      coordination: { blocking: 50 },
    });
    const reply = await fetch(`${url}/self/${path}`, { method: 'POST' });
    expect(reply.status).toBe(423);
    // Another one, at the start, says that two methods take this lock.
    const warnings = log.of('warn').filter((line) => line.includes(' waits '));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('Lock "self"');
    expect(warnings[0]).toContain(`${waiter} waits`);
    expect(warnings[0]).toContain(`that ${holder}, from which it was called`);
  });
});
