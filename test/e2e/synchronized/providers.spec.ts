import { forwardRef, Inject, Injectable, Module, type Provider, Scope } from '@nestjs/common';
import { ContextIdFactory, LazyModuleLoader, ModuleRef } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from 'vitest';
import { CoordinationModule, CoordinatorService, currentLease, Synchronized } from 'nestjs-coordination';
import { Gate } from './fixtures/gate.js';
import { Overlap } from './fixtures/overlap.js';
import { afterTest, ownSpace, startApp } from './fixtures/test-app.js';

const overlap = new Overlap();

class Shares {
  @Synchronized('<fName>-<id>')
  async extend(id: string): Promise<string | undefined> {
    await overlap.body();
    return currentLease()?.name;
  }
}

@Injectable()
class Service extends Shares {}

@Injectable({ scope: Scope.REQUEST })
class RequestService extends Shares {}

@Injectable({ scope: Scope.TRANSIENT })
class TransientService extends Shares {}

@Injectable()
class TransientUser {
  constructor(readonly shares: TransientService) {}
}

@Injectable()
class LeftService extends Shares {
  constructor(@Inject(forwardRef(() => RightService)) readonly other: Shares) {
    super();
  }
}

@Injectable()
class RightService extends Shares {
  constructor(@Inject(forwardRef(() => LeftService)) readonly other: Shares) {
    super();
  }
}

class CreatedService extends Shares {
  constructor(@Inject(ModuleRef) readonly moduleRef: ModuleRef) {
    super();
  }
}

@Injectable()
class CarefulService extends Shares {
  /** Overrides a synchronized method, takes a lock of its own and calls the inherited one under it. */
  @Synchronized('careful-<id>')
  override async extend(id: string): Promise<string | undefined> {
    const outer = currentLease()?.name;
    return `${outer} around ${await super.extend(id)}`;
  }
}

@Injectable()
class FreeService extends Shares {
  override async extend(id: string): Promise<string | undefined> {
    return `${currentLease()?.name} around ${await super.extend(id)}`;
  }
}

/** Answers to nothing but what it knows, as proxies of request-scoped values do: what Nest itself asks of all that it provides. */
const strictProxy: object = new Proxy(Object.create(null) as object, {
  get(_target, key) {
    if (typeof key === 'symbol' || !/^(constructor|then|on[A-Z]\w+|beforeApplicationShutdown)$/.test(key))
      throw new Error(`nobody knows ${String(key)}`);
    return undefined;
  },
});

const FACTORY = Symbol('made by a factory');
const VALUE = Symbol('given as a value');

const providers = [
  Service,
  RequestService,
  TransientService,
  TransientUser,
  LeftService,
  RightService,
  CarefulService,
  FreeService,
  { provide: FACTORY, useFactory: async () => new Shares() },
  { provide: VALUE, useFactory: () => undefined },
  { provide: 'null prototype', useValue: Object.create(null) as object },
  { provide: 'strict proxy', useValue: strictProxy },
];

async function expectOneAtATime(hosts: readonly Shares[], name = 'extend-7'): Promise<void> {
  overlap.most = 0;
  const names = await Promise.all([...hosts, ...hosts, ...hosts].map((host) => host.extend('7')));
  expect(new Set(names)).toEqual(new Set([name]));
  expect(overlap.most).toBe(1);
}

describe('a synchronized method of a provider', () => {
  it('takes its lock in a singleton', async () => {
    const { app } = await startApp({ providers });
    await expectOneAtATime([app.get(Service)]);
  });

  it('takes its lock in providers of each request', async () => {
    const { app } = await startApp({ providers });
    const hosts = await Promise.all([1, 2].map(() => app.resolve(RequestService, ContextIdFactory.create())));
    expect(hosts[0]).not.toBe(hosts[1]);
    await expectOneAtATime(hosts);
  });

  it('takes its lock in transient providers', async () => {
    const { app } = await startApp({ providers });
    await expectOneAtATime([app.get(TransientUser).shares, await app.resolve(TransientService)]);
  });

  it('takes its lock in what a factory made and in what was given as a value', async () => {
    const value = new Shares();
    const { app } = await startApp({
      providers: [
        ...providers.filter((one) => !('provide' in one) || one.provide !== VALUE),
        { provide: VALUE, useValue: value },
      ],
    });
    // Without being bound they would ask for the only coordinator of the process; a second one shows that they are.
    await startApp({});
    await expectOneAtATime([app.get<Shares>(FACTORY), app.get<Shares>(VALUE)]);
  });

  it('takes its lock in providers of a module that is loaded later', async () => {
    const { app } = await startApp({ providers });
    const lazy = async (...loaded: Provider[]) => {
      class LazyModule {}
      Module({ providers: loaded })(LazyModule);
      return app.get(LazyModuleLoader).load(() => LazyModule);
    };
    // Nest injects nothing into what a factory makes; the only coordinator of the process is found.
    const made = await lazy({ provide: FACTORY, useFactory: () => new Shares() });
    await expectOneAtATime([made.get<Shares>(FACTORY)]);
    const { app: other } = await startApp({});
    const injected = await lazy(Service);
    await expectOneAtATime([injected.get(Service, { strict: true })]);
    // With a second one, it has to be said which is meant.
    await expect(made.get<Shares>(FACTORY).extend('7')).rejects.toThrow(
      /^Shares\.extend: 2 coordinators run in this process \(.*\); say which one to use$/,
    );
    expect(other.get(CoordinatorService).started).toBe(true);
  });

  it('calls its key function with itself as this', async () => {
    @Injectable()
    class Tenants {
      readonly tenant = 'acme';

      @Synchronized(function (this: Tenants, id: string) {
        return `${this.tenant}-${id}`;
      })
      async extend(_id: string): Promise<string | undefined> {
        return currentLease()?.name;
      }
    }
    const { app } = await startApp({ providers: [Tenants] });
    expect(await app.get(Tenants).extend('7')).toBe('acme-7');
  });

  it('takes its lock in what ModuleRef.create made', async () => {
    const { app } = await startApp({ providers });
    await startApp({});
    const created = await app.get(ModuleRef).create(CreatedService);
    await expectOneAtATime([created]);
  });

  it('takes its lock in providers that need each other', async () => {
    const { app } = await startApp({ providers });
    const left = app.get(LeftService);
    expect(left.other).toBe(app.get(RightService));
    await expectOneAtATime([left, left.other]);
  });

  it('takes the lock of an overriding method around the one of the method it calls', async () => {
    const { app } = await startApp({ providers });
    await expectOneAtATime([app.get(CarefulService)], 'careful-7 around extend-7');
    await expectOneAtATime([app.get(FreeService)], 'undefined around extend-7');
  });

  it('keeps two applications of one process apart', async () => {
    const gate = new Gate();
    @Injectable()
    class Worker {
      @Synchronized('work')
      async work(): Promise<string | undefined> {
        await gate.pass();
        return currentLease()?.name;
      }
    }
    const first = await startApp({ providers: [Worker] });
    const second = await startApp({ providers: [Worker] });
    const acquired: string[] = [];
    first.coordinator.on('lease.acquired', () => acquired.push('first'));
    second.coordinator.on('lease.acquired', () => {
      acquired.push('second');
      gate.open();
    });
    // Both are inside at the same time: each has its own back end.
    const results = await Promise.all([first.app.get(Worker).work(), second.app.get(Worker).work()]);
    expect(results).toEqual(['work', 'work']);
    expect(acquired).toEqual(['first', 'second']);
  });

  it('uses a coordinator that a test puts in the place of the real one', async () => {
    @Module({
      imports: [CoordinationModule.forRoot({ backendUrl: 'redis://127.0.0.1:1' })],
      providers: [Service],
    })
    class AppModule {}
    const own = new CoordinatorService({ backendUrl: ownSpace() });
    const acquired: string[] = [];
    own.on('lease.acquired', ({ lock }) => acquired.push(lock));
    const app = await Test.createTestingModule({ imports: [AppModule] })
      .overrideProvider(CoordinatorService)
      .useValue(own)
      .compile();
    await app.init();
    afterTest(() => app.close());
    await app.get(Service).extend('7');
    expect(acquired).toEqual(['extend-7']);
  });

  it('lets a test replace the provider by a plain object', async () => {
    @Module({ imports: [CoordinationModule.forRoot({ backendUrl: ownSpace() })], providers: [Service] })
    class AppModule {}
    const app = await Test.createTestingModule({ imports: [AppModule] })
      .overrideProvider(Service)
      .useValue({ extend: async () => 'stub' })
      .compile();
    await app.init();
    afterTest(() => app.close());
    expect(await app.get(Service).extend('7')).toBe('stub');
  });
});
