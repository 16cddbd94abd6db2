import { Injectable, Scope, type Type } from '@nestjs/common';
import { Cron, Interval, ScheduleModule, Timeout } from '@nestjs/schedule';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { CoordinationModule, InvalidOptionsError, RunOnce } from 'nestjs-coordination';
import { boot, bootError } from '../../support/boot.js';
import { ownSpace } from '../synchronized/fixtures/test-app.js';

afterEach(() => vi.unstubAllEnvs());

function imports() {
  return [ScheduleModule.forRoot(), CoordinationModule.forRoot({ backendUrl: ownSpace() })];
}

/** Decorates a method of a new class, as a file that is loaded does. */
function decorated(...decorators: MethodDecorator[]): Type {
  @Injectable()
  class Jobs {
    async job(): Promise<void> {}
  }
  const descriptor = Object.getOwnPropertyDescriptor(Jobs.prototype, 'job')!;
  for (const decorator of decorators.toReversed()) decorator(Jobs.prototype, 'job', descriptor);
  Object.defineProperty(Jobs.prototype, 'job', descriptor);
  return Jobs;
}

describe('@RunOnce refuses at boot', () => {
  it.each<[string, MethodDecorator[], RegExp]>([
    ['@Interval below 200 ms', [Interval(100), RunOnce()], /@Interval must be at least 200 ms, got 100/],
    ['@Interval beside every', [Interval(1000), RunOnce({ every: '5s' })], /@Interval says when it runs/],
    ['@Cron beside every', [Cron('* * * * *'), RunOnce({ every: '5s' })], /@Cron says when it runs/],
    ['@Timeout alone', [Timeout(1000), RunOnce()], /@Timeout fires once in each process.*every.*id/],
    ['id without @Timeout', [RunOnce({ id: 'v1' })], /id is for @Timeout.*coordinator\.once/],
    [
      "missed: 'once' without @Cron",
      [RunOnce({ every: '5s', missed: 'once' })],
      /missed: 'once' is for @Cron/,
    ],
  ])('%s', async (_what, decorators, message) => {
    const error = await bootError(imports(), [decorated(...decorators)]);
    expect(error).toBeInstanceOf(InvalidOptionsError);
    expect(error.message).toMatch(message);
    expect(error.message).toContain('@RunOnce on Jobs.job');
  });

  it('two methods with one name', async () => {
    @Injectable()
    class Twins {
      @RunOnce('nightly', { every: '1h' })
      async one(): Promise<void> {}

      @Cron('0 3 * * *', { name: 'nightly' })
      @RunOnce()
      async other(): Promise<void> {}
    }
    const error = await bootError(imports(), [Twins]);
    expect(error.message).toMatch(/Twins\.one and Twins\.other are both called "nightly"/);
  });

  it('a class that is made for each request', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class PerRequest {
      @RunOnce('nightly', { every: '1h' })
      async job(): Promise<void> {}
    }
    const error = await bootError(imports(), [PerRequest]);
    expect(error.message).toMatch(/PerRequest\.job: its class is made for each request/);
  });
});

describe('@RunOnce refuses when the class is loaded', () => {
  it.each<[string, unknown, RegExp]>([
    ['an option that it does not know', { onCrush: 'skip' }, /unknown option 'onCrush', known are name/],
    ['another word for onCrash', { onCrash: 'retry' }, /onCrash must be 'skip' or 'rerun', got 'retry'/],
    ['a period below 200 ms', { every: 100 }, /every must be at least 200 ms, got 100/],
    ['text that is no duration', { every: 'soon' }, /every must be at least 200 ms, got 'soon'.*'5m'/],
    ['every beside id', { every: '5m', id: 'v1' }, /leave one out/],
    ['an endless history', { history: 1000 }, /history must be a whole number from 0 to 100/],
    ['options that are none', null, /its options must be an object, got null/],
  ])('%s', (_what, options, message) => {
    expect(() => decorated(RunOnce(options as never))).toThrow(message);
    expect(() => decorated(RunOnce(options as never))).toThrow('@RunOnce on Jobs.job');
  });

  it('a second one, and what is no method', () => {
    expect(() => decorated(RunOnce(), RunOnce())).toThrow('it is there already');
    expect(() => RunOnce()(class {}, 'job', { value: () => undefined })).toThrow('write it as a method');
  });
});

describe('a name that is made of class and method', () => {
  @Injectable()
  class NamedByClass {
    @RunOnce({ every: '1h' })
    async job(): Promise<void> {}
  }

  it('is warned of in production, and not elsewhere', async () => {
    const quiet = await boot(imports(), [NamedByClass]);
    expect(quiet.recorded.of('warn')).toEqual([]);
    await quiet.close();
    vi.stubEnv('NODE_ENV', 'production');
    const app = await boot(imports(), [NamedByClass]);
    expect(app.recorded.of('warn').join('\n')).toMatch(
      /Jobs are named after class and method \(NamedByClass\.job\)/,
    );
    await app.close();
  });
});

describe('a job that no scheduler calls', () => {
  const coordination = () => [CoordinationModule.forRoot({ backendUrl: ownSpace() })];

  it('is warned of, and one that @RunOnce calls itself is not', async () => {
    vi.stubEnv('NODE_ENV', 'development');
    const app = await boot(coordination(), [decorated(Cron('0 3 * * *'), RunOnce())]);
    expect(app.recorded.of('warn')).toEqual([
      'Nothing calls Jobs.job: @Cron, @Interval and @Timeout need ScheduleModule.forRoot() of @nestjs/schedule among the imports of the application',
    ]);
    await app.close();
    const other = await boot(coordination(), [decorated(RunOnce({ every: '1h' }))]);
    expect(other.recorded.of('warn')).toEqual([]);
    await other.close();
  });

  it('is none where the application has one, nor in a test', async () => {
    const tested = await boot(coordination(), [decorated(Cron('0 3 * * *'), RunOnce())]);
    expect(tested.recorded.of('warn')).toEqual([]);
    await tested.close();
    vi.stubEnv('NODE_ENV', 'development');
    const scheduled = await boot(imports(), [decorated(Cron('0 3 * * *'), RunOnce())]);
    expect(scheduled.recorded.of('warn')).toEqual([]);
    await scheduled.close();
  });
});
