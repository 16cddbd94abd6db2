import { Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from 'vitest';
import {
  CoordinationModule,
  CoordinatorService,
  LeaderOnly,
  Lock,
  LockCreationFailedError,
  RunOnce,
  Synchronized,
} from 'nestjs-coordination';
import { RecordedLog } from '../../support/recorded-log.js';
import { ownSpace } from './fixtures/test-app.js';

@Injectable()
class Shares {
  @Synchronized('share-<id>')
  async extend(id: string): Promise<string> {
    return id;
  }
}

/** As tools for unit tests make it: every property is a function that answers with another mock. */
function deepMock(): object {
  const known = new Map<string | symbol, unknown>();
  return new Proxy(() => undefined, {
    get: (_target, key) => {
      if (key === 'then' || key === Symbol.toPrimitive) return undefined;
      if (!known.has(key)) known.set(key, deepMock());
      return known.get(key);
    },
  });
}

/** As tools make it that want each use to be expected: what was not throws. Promises look for `then`. */
function strictMock(): object {
  const unexpected = (_target: object, key: string | symbol): boolean => {
    throw new Error(`Didn't expect mock.${String(key)} to be accessed`);
  };
  return new Proxy(
    {},
    { get: (target, key) => (key === 'then' ? undefined : unexpected(target, key)), has: unexpected },
  );
}

const MOCKED =
  /^Shares\.extend: lock "share-7": what was given as its CoordinatorService is [^\n]*, a mock perhaps, and takes no locks; in a unit test import CoordinationModule\.forRoot\(\{ backendUrl: 'memory:' \}\)[^\n]*$/;

describe('a synchronized method in a unit test', () => {
  it.each([
    ['a mock of everything', deepMock],
    ['an empty object', () => ({})],
    ['a strict mock', strictMock],
    ['a stub of one method', () => ({ using: (_name: string, body: () => unknown) => body() })],
  ])('says what it was given for a coordinator: %s', async (_what, mock) => {
    const module = await Test.createTestingModule({ providers: [Shares] })
      .useMocker(mock)
      .compile();
    await expect(module.get(Shares).extend('7')).rejects.toThrow(MOCKED);
    await expect(module.get(Shares).extend('7')).rejects.toBeInstanceOf(LockCreationFailedError);
    expect(() => new Lock('a', {}, mock() as CoordinatorService)).toThrow(/a mock perhaps/);
  });

  it('says so where the coordinator of a module was replaced', async () => {
    RecordedLog.install();
    const module = await Test.createTestingModule({
      imports: [CoordinationModule.forRoot({ backendUrl: ownSpace() })],
      providers: [Shares],
    })
      .overrideProvider(CoordinatorService)
      .useValue({})
      .compile();
    await module.init();
    await expect(module.get(Shares).extend('7')).rejects.toThrow(MOCKED);
    await module.close();
  });

  it.each([
    ['a mock of everything', deepMock],
    ['an empty object', () => ({})],
  ])('boots with jobs and candidates where the coordinator is %s', async (_what, mock) => {
    @Injectable()
    class Jobs {
      @RunOnce('often', { every: '200ms', onCrash: 'rerun' })
      async often(): Promise<void> {}

      @LeaderOnly('quota')
      async balance(): Promise<void> {}
    }
    const log = RecordedLog.install();
    const module = await Test.createTestingModule({
      imports: [CoordinationModule.forRoot({ backendUrl: ownSpace() })],
      providers: [Jobs],
    })
      .overrideProvider(CoordinatorService)
      .useValue(mock())
      .compile();
    await module.init();
    await expect(module.get(Jobs).often()).rejects.toThrow(
      /^@RunOnce on Jobs\.often: what was given as its CoordinatorService is/,
    );
    await expect(module.get(Jobs).balance()).rejects.toThrow(/what was given as its CoordinatorService is/);
    await module.close();
    expect([...log.of('error'), ...log.of('warn')]).toEqual([]);
  });

  it('says that the module has to be initialized, and then works', async () => {
    RecordedLog.install();
    const module = await Test.createTestingModule({
      imports: [CoordinationModule.forRoot({ backendUrl: ownSpace() })],
      providers: [Shares],
    }).compile();
    await expect(module.get(Shares).extend('7')).rejects.toThrow(
      /is not started; .*a testing module starts it when its init\(\) is called/,
    );
    await module.init();
    expect(await module.get(Shares).extend('7')).toBe('7');
    await module.close();
  });
});
