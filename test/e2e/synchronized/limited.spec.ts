import { Controller, Get, Injectable, Param } from '@nestjs/common';
import { lastValueFrom, Observable, of } from 'rxjs';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  currentLease,
  InvalidOptionsError,
  Limited,
  LimitReachedError,
  LockNameError,
  Synchronized,
  type SynchronizedOptions,
} from 'nestjs-coordination';
import { Gate } from './fixtures/gate.js';
import { ownSpace, startApp, startPeer } from './fixtures/test-app.js';

const FIRST_COME = { blocking: false } as const;
let gate = new Gate();
let inside = 0;
const arrived = (count: number) => expect.poll(() => inside).toBe(count);

beforeEach(() => {
  gate = new Gate();
  inside = 0;
});

@Injectable()
@Controller()
class Exports {
  @Get('export/:tenant')
  @Limited('<tenant>-export', 2, FIRST_COME)
  async export(@Param('tenant') tenant: string): Promise<string> {
    inside += 1;
    await gate.pass();
    return currentLease()?.name ?? 'no permit';
  }

  @Limited((tenant: string) => `${tenant}-export`, 2, FIRST_COME)
  async preview(_tenant: string): Promise<string> {
    return 'previewed';
  }

  @Limited('nightly', 1, { onNotAcquired: 'skip' })
  observed(): Observable<string> {
    return of('ran');
  }
}

@Injectable()
@Controller()
class Index {
  @Get('read')
  @Synchronized('index', { shared: true, ...FIRST_COME })
  async read(): Promise<string> {
    inside += 1;
    await gate.pass();
    return 'read';
  }

  @Get('rebuild')
  @Synchronized('index', { ...FIRST_COME, shareLock: true })
  async rebuild(): Promise<string> {
    return 'rebuilt';
  }

  @Synchronized('index', { shared: true, shareLock: true })
  async readAndRebuild(): Promise<string> {
    return this.rebuild();
  }
}

describe('a method with a limit', () => {
  it('runs so many times at once for each name, and answers 429 beyond that', async () => {
    const { url } = await startApp({ controllers: [Exports] });
    const first = [fetch(`${url}/export/a`), fetch(`${url}/export/a`)];
    await arrived(2);
    const refused = await fetch(`${url}/export/a`);
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).toMatch(/^\d+$/);
    expect(await refused.json()).toEqual({
      statusCode: 429,
      message: 'Too Many Requests',
      code: 'LIMIT_REACHED',
    });
    const other = fetch(`${url}/export/b`);
    await arrived(3);
    gate.open();
    const texts = await Promise.all([...first, other].map(async (reply) => (await reply).text()));
    expect(new Set(texts).size).toBe(3);
    for (const text of texts) expect(text).toMatch(/^permit:[12]:[ab]-export$/);
    expect((await fetch(`${url}/export/a`)).status).toBe(200);
  });

  it('shares its permits with methods and replicas that say the same name', async () => {
    const backendUrl = ownSpace();
    const { app } = await startApp({ controllers: [Exports], coordination: { backendUrl } });
    const peer = await startPeer({ backendUrl });
    const exports = app.get(Exports);
    const permits = [
      await peer.getSemaphore('a-export', 2).hold(),
      await peer.getSemaphore('a-export', 2).hold(),
    ];
    await expect(exports.preview('a')).rejects.toThrow(LimitReachedError);
    expect(await exports.preview('b')).toBe('previewed');
    await permits[0]!.release();
    expect(await exports.preview('a')).toBe('previewed');
    const nightly = await peer.getSemaphore('nightly', 1).hold();
    expect(await lastValueFrom(exports.observed())).toBeUndefined();
    await nightly.release();
    expect(await lastValueFrom(exports.observed())).toBe('ran');
  });

  it('is refused where it cannot be, when the class is loaded', () => {
    const on = (decorator: ReturnType<typeof Limited>): void => {
      class Wrong {
        @decorator
        async run(): Promise<void> {}
      }
      expect(Wrong).toBeDefined();
    };
    expect(() => on(Limited('x', 0))).toThrow(/@Limited on Wrong\.run: permits must be a whole number/);
    const fenced: SynchronizedOptions = { fencing: true };
    expect(() => on(Limited('x', 2, fenced))).toThrow(/unknown option 'fencing'/);
    const list = ['a', 'b'] as unknown as string;
    const refused = /^@Limited on Wrong\.run: it takes one name, not a list;/;
    expect(() => on(Limited(list, 2))).toThrow(LockNameError);
    expect(() => on(Limited(list, 2))).toThrow(refused);
    expect(() => {
      class Twice {
        @Limited('x', 2)
        @Synchronized('y')
        async run(): Promise<void> {}
      }
      expect(Twice).toBeDefined();
    }).toThrow(InvalidOptionsError);
  });

  it('refuses a call whose name function makes a list, as a permit has one name', async () => {
    const pair = ((a: string, b: string) => [a, b]) as unknown as (a: string, b: string) => string;
    let ran = 0;
    @Injectable()
    class Copies {
      @Limited(pair, 2)
      async copy(_a: string, _b: string): Promise<void> {
        ran += 1;
      }
    }
    const { app } = await startApp({ providers: [Copies] });
    const copied = app.get(Copies).copy('a', 'b');
    await expect(copied).rejects.toThrow(LockNameError);
    await expect(copied).rejects.toThrow(
      '@Limited on Copies.copy: its name function returned a list, and it takes one name; make one name of the values',
    );
    await expect(app.get(Copies).copy('a', 'a')).rejects.toThrow(LockNameError);
    expect(ran).toBe(0);
  });
});

describe('a method that shares its lock', () => {
  it('runs beside others that share it, and not beside one that does not', async () => {
    const { url } = await startApp({ controllers: [Index] });
    const readers = [fetch(`${url}/read`), fetch(`${url}/read`)];
    await arrived(2);
    expect((await fetch(`${url}/rebuild`)).status).toBe(423);
    gate.open();
    for (const reply of await Promise.all(readers)) expect(await reply.text()).toBe('read');
    expect(await (await fetch(`${url}/rebuild`)).text()).toBe('rebuilt');
  });

  it('may not ask for the lock alone while it shares it', async () => {
    const { app } = await startApp({ controllers: [Index] });
    await expect(app.get(Index).readAndRebuild()).rejects.toThrow(
      /Index\.rebuild asks to hold it alone, and Index\.readAndRebuild, from which it was called, shares it/,
    );
  });
});
