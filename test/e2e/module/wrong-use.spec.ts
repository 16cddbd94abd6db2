import { Injectable, Module, Scope } from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type CoordinationAsyncOptions,
  type CoordinationModuleOptions,
  CoordinationModule,
  type CoordinationOptions,
  CoordinatorService,
  InvalidOptionsError,
  Lock,
  LockNameError,
  Synchronized,
} from 'nestjs-coordination';
import { boot, bootError } from '../../support/boot.js';

/** As a plain JavaScript program would give it, with no types in the way. */
const untyped = (value: unknown): never => value as never;

@Injectable()
class NoFactory {}

@Injectable({ scope: Scope.REQUEST })
class Tenant {
  createCoordinationOptions(): CoordinationOptions {
    return {};
  }
}

@Module({ providers: [Tenant], exports: [Tenant] })
class TenantModule {}

describe('the module, used wrongly, says in one line what to do', () => {
  it('when it is imported as a bare class', async () => {
    const error = await bootError([CoordinationModule]);
    expect(error).toBeInstanceOf(InvalidOptionsError);
    expect(error.message).toMatch(/^CoordinationModule: [^\n]*forRoot\([^\n]*forRootAsync\([^\n]*$/);
  });

  it('when its options are no object', () => {
    for (const options of [null, 5, 'file:']) {
      expect(() => CoordinationModule.forRoot(untyped(options))).toThrow(
        /^CoordinationModule\.forRoot: its options must be an object, got [^\n]+$/,
      );
      expect(() => CoordinationModule.forRootAsync(untyped(options))).toThrow(
        /^CoordinationModule\.forRootAsync: its options must be an object, got [^\n]+$/,
      );
    }
  });

  it('when its name is one that nobody could inject by', () => {
    for (const name of ['', 5, null]) {
      expect(() => CoordinationModule.forRoot({ name: untyped(name) })).toThrow(
        /name must be a non-empty string/,
      );
      expect(() => CoordinationModule.forRootAsync({ name: untyped(name), useFactory: () => ({}) })).toThrow(
        /name must be a non-empty string/,
      );
    }
  });

  it.each<[string, CoordinationAsyncOptions]>([
    ['a request', { inject: [REQUEST], useFactory: () => ({}) }],
    ['a provider', { imports: [TenantModule], inject: [Tenant], useFactory: () => ({}) }],
    ['a class', { useClass: Tenant }],
  ])('when its options depend on a request, by %s', async (_by, options) => {
    const error = await bootError([CoordinationModule.forRootAsync(options)]);
    expect(error).toBeInstanceOf(InvalidOptionsError);
    expect(error.message).toMatch(
      /^CoordinationModule\.forRootAsync: its options depend on a request \((REQUEST|Tenant) is request-scoped\)[^\n]*$/,
    );
  });

  it('when a factory gives what belongs to the module', async () => {
    const error = await bootError([
      CoordinationModule.forRootAsync({ useFactory: () => untyped({ isGlobal: false }) }),
    ]);
    expect(error.message).toContain(
      "unknown option 'isGlobal', it belongs to the module: forRoot({ isGlobal, … }), or beside useFactory in forRootAsync; known are backendUrl, ",
    );
    // All that the types have: one that is left out here does not compile.
    const all: Record<keyof CoordinationModuleOptions, true> = {
      backendUrl: true,
      agentId: true,
      prefix: true,
      ttl: true,
      heartbeat: true,
      blocking: true,
      stopTimeout: true,
      startTimeout: true,
      fencing: true,
      candidate: true,
      driver: true,
      redis: true,
      postgres: true,
      name: true,
      isGlobal: true,
    };
    const known = error.message.split('known are ')[1]?.replace(' and for the module', '');
    expect(known?.split(', ')).toEqual(Object.keys(all));
  });

  it.each(['useClass', 'useExisting'])('when what is given as %s makes no options', async (way) => {
    const module = CoordinationModule.forRootAsync({ imports: [], [way]: NoFactory });
    module.providers?.push(NoFactory);
    const error = await bootError([module]);
    expect(error).toBeInstanceOf(InvalidOptionsError);
    expect(error.message).toMatch(
      new RegExp(
        `^CoordinationModule\\.forRootAsync: class NoFactory, given as ${way}, has no method createCoord`,
      ),
    );
  });
});

describe('locks, used wrongly, say in one line what to do', () => {
  let coordinator: CoordinatorService;

  beforeEach(async () => {
    coordinator = new CoordinatorService({ backendUrl: 'memory:wrong-use' });
    await coordinator.start();
  });

  afterEach(() => coordinator.stop());

  it('when there is no function to run', async () => {
    for (const args of [[5], [{}, undefined], [{}, 5], []] as never as [never][]) {
      const using = coordinator.using<unknown>('x', ...args);
      await expect(using).rejects.toThrow(
        /^Lock "x": the last argument of using must be the function to run, got /,
      );
    }
  });

  it('when an option is unknown', async () => {
    const wrong = untyped({ block: 5 });
    const message = /^Lock "x": unknown option 'block', known are ttl, blocking, fencing, fair/;
    const lock = coordinator.getLock('x');
    await expect(coordinator.using('x', wrong, () => undefined)).rejects.toThrow(message);
    await expect(lock.acquire(wrong)).rejects.toThrow(message);
    await expect(lock.hold(wrong)).rejects.toThrow(message);
    expect(() => coordinator.getLock('x', wrong)).toThrow(message);
    expect(() => new Lock('x', {}, coordinator, wrong)).toThrow(message);
    expect(() => coordinator.getLock('x', untyped({ signal: AbortSignal.abort() }))).toThrow(/'signal'/);
  });

  it('when the options are no object', async () => {
    const message = /^Lock "x": its options must be an object, got /;
    await expect(coordinator.getLock('x').hold(untyped(null))).rejects.toThrow(message);
    await expect(coordinator.using('x', untyped(5), () => undefined)).rejects.toThrow(message);
    expect(() => coordinator.getLock('x', untyped(null))).toThrow(message);
  });

  it('when an event is unknown, or its listener no function', () => {
    expect(() => coordinator.on(untyped('lease.aquired'), () => undefined)).toThrow(
      /^on: unknown event 'lease\.aquired', known are lease\.waiting, [^\n]*backend\.down, [^\n]*job\.lost, [^\n]*leader\.demoted$/,
    );
    expect(() => coordinator.on('lease.lost', untyped(undefined))).toThrow(
      /^on: the listener for "lease\.lost" must be a function, got undefined$/,
    );
  });
});

@Injectable()
class ShareService {
  @Synchronized((share: { id: string }) => share.id.trim())
  async failing(_share: { id: string }): Promise<void> {}

  @Synchronized((async () => Promise.reject(new Error('too late'))) as never)
  async async(): Promise<void> {}
}

it('a lock name function that fails, or is async, is an error that names class, method and cause', async () => {
  const app = await boot([CoordinationModule.forRoot({ backendUrl: 'memory:' })], [ShareService]);
  const shares = app.get(ShareService);
  const failure: unknown = await shares.failing(untyped({})).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(LockNameError);
  expect(failure).toMatchObject({
    message: expect.stringMatching(
      /ShareService\.failing: its lock name function failed: TypeError: [^\n]+$/,
    ),
    cause: expect.any(TypeError),
  });
  await expect(shares.async()).rejects.toThrow(
    /ShareService\.async: its lock name function .* must not be async/,
  );
  await app.close();
});
