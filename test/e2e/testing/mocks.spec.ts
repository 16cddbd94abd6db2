import { Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { expect, it, vi } from 'vitest';
import { CoordinationModule, CoordinatorService, Synchronized } from 'nestjs-coordination';

@Injectable()
class Shares {
  @Synchronized('share-<id>')
  async extend(id: string): Promise<string> {
    return id;
  }
}

/** What createMock() of @golevelup/ts-vitest and its like answer: a function for everything. */
const createMock = (): object => new Proxy({}, { get: (_, key) => (key === 'then' ? undefined : vi.fn()) });

it.each([
  ['an empty object', () => ({})],
  ['a mock', createMock],
])('%s in the place of the coordinator takes no locks, and the method says so', async (_, mock) => {
  const module = await Test.createTestingModule({
    providers: [Shares, { provide: CoordinatorService, useValue: mock() }],
  }).compile();
  await module.init();
  await expect(module.get(Shares).extend('7')).rejects.toThrow(/a mock perhaps/);
  await module.close();
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
