import { Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { describe, expect, it, vi } from 'vitest';
import { CoordinationModule, CoordinatorService, Limited, RunOnce, Synchronized } from 'nestjs-coordination';

@Injectable()
class Shares {
  @Synchronized('share-<id>')
  async extend(id: string): Promise<string> {
    return id;
  }
}

@Injectable()
class Exports {
  @Limited('exports', 2)
  async run(): Promise<void> {}
}

@Injectable()
class Jobs {
  @RunOnce({ every: '1h' })
  async nightly(): Promise<void> {}
}

/** What createMock() of @golevelup/ts-vitest and its like answer: a function for everything. */
const createMock = (): object => new Proxy({}, { get: (_, key) => (key === 'then' ? undefined : vi.fn()) });

/** One that answers an object for everything, however deep. */
const deepMock = (): object =>
  new Proxy({}, { get: (_, key) => (typeof key === 'symbol' || key === 'then' ? undefined : deepMock()) });

/** As sinon makes them: every method is a stub, and the getters of the class read what no constructor has made. */
function stubInstance(): object {
  const { prototype } = CoordinatorService;
  const stub = Object.create(prototype) as Record<string, unknown>;
  for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(prototype)))
    if (typeof value === 'function') stub[name] = vi.fn();
  return stub;
}

const MOCKS: [string, () => object][] = [
  ['an empty object', () => ({})],
  ['a mock', createMock],
  ['a mock that answers objects', () => new Proxy({}, { get: () => ({}), has: () => true })],
  ['a deep mock', deepMock],
  ['a stub instance', stubInstance],
];

describe.each([
  ['@Synchronized', Shares, (shares: object) => (shares as Shares).extend('7')],
  ['@Limited', Exports, (exports: object) => (exports as Exports).run()],
  ['@RunOnce', Jobs, (jobs: object) => (jobs as Jobs).nightly()],
] as const)('%s', (_decorator, Host, call) => {
  it.each(MOCKS)('with %s in the place of the coordinator takes no locks, and says so', async (_, mock) => {
    const module = await Test.createTestingModule({
      providers: [Host, { provide: CoordinatorService, useValue: mock() }],
    }).compile();
    await module.init();
    await expect(call(module.get<object>(Host))).rejects.toThrow(/a mock perhaps/);
    await module.close();
  });
});

it('what overrides the coordinator of an application takes no locks, and the method says so', async () => {
  const module = await Test.createTestingModule({
    imports: [CoordinationModule.forRoot({ backendUrl: 'memory:mocks' })],
    providers: [Shares],
  })
    .overrideProvider(CoordinatorService)
    .useValue({})
    .compile();
  await module.init();
  await expect(module.get(Shares).extend('7')).rejects.toThrow(/a mock perhaps/);
  await module.close();
});

it('without a coordinator the testing module is not compiled', async () => {
  const compiled = Test.createTestingModule({ providers: [Shares] }).compile();
  await expect(compiled).rejects.toThrow(/import CoordinationModule\.forRoot/);
});
