import { Injectable } from '@nestjs/common';
import { afterEach, expect, it } from 'vitest';
import { CoordinationModule, CoordinatorService, Limited, RunOnce, Synchronized } from 'nestjs-coordination';
import { LOCK_MANAGER } from '../../../lib/lock/lock-registry.js';
import { boot } from '../../support/boot.js';
import { eventually } from '../../support/eventually.js';

const gate: { open: () => void; opened: Promise<void> } = {
  open: () => undefined,
  opened: Promise.resolve(),
};

@Injectable()
class Shares {
  @Synchronized('<fName>-<id>')
  async extend(id: number): Promise<void> {
    await gate.opened;
    return void id;
  }

  @Synchronized(['one-<id>', 'two'])
  async both(id: number): Promise<void> {
    await gate.opened;
    return void id;
  }

  @Synchronized((id: number) => `free-${id}`)
  async named(id: number): Promise<void> {
    await gate.opened;
    return void id;
  }

  @Limited('export-<id>', 1)
  async export(id: number): Promise<void> {
    await gate.opened;
    return void id;
  }

  @RunOnce('nightly')
  async nightly(): Promise<void> {
    await gate.opened;
  }
}

let app: Awaited<ReturnType<typeof boot>>;

async function start() {
  app = await boot([CoordinationModule.forRoot({ backendUrl: 'memory:' })], [Shares]);
  gate.opened = new Promise((resolve) => (gate.open = resolve));
  const manager = app.get(CoordinatorService)[LOCK_MANAGER]!;
  return { shares: app.get(Shares), manager };
}

afterEach(async () => {
  gate.open();
  await app.close();
});

it.each([
  ['extend', [{ function: 'Shares.extend', template: '<fName>-<id>' }]],
  ['both', Array.from({ length: 2 }, () => ({ function: 'Shares.both', template: 'one-<id> + two' }))],
  ['named', [{ function: 'Shares.named', template: undefined }]],
  ['export', [{ function: 'Shares.export', template: 'export-<id>', permits: 1 }]],
  ['nightly', [{ function: 'Shares.nightly', template: 'job:nightly' }]],
] as const)('what %s holds tells of the method and of its template', async (method, origins) => {
  const { shares, manager } = await start();
  const call = shares[method](7);
  await eventually(() => manager.holdings.length === origins.length);
  expect(manager.holdings.map(({ origin }) => origin)).toEqual(origins);
  expect(manager.holdings.every(({ since }) => since <= manager.clock.monotonic())).toBe(true);
  gate.open();
  await call;
  expect(manager.holdings).toEqual([]);
});

it('all calls of a method have one origin', async () => {
  const { shares, manager } = await start();
  const calls = [shares.extend(1), shares.extend(2)];
  await eventually(() => manager.holdings.length === 2);
  const [one, two] = manager.holdings;
  expect(one?.origin).toBe(two?.origin);
  gate.open();
  await Promise.all(calls);
});

it('a call is among those that wait for as long as it does', async () => {
  const { shares, manager } = await start();
  const first = shares.extend(1);
  await eventually(() => manager.holdings.length === 1);
  expect(manager.waitingCalls).toEqual([]);
  const second = shares.extend(1);
  await eventually(() => manager.waitingCalls.length === 1);
  const [waiting] = manager.waitingCalls;
  expect(waiting?.terms).toMatchObject({
    name: 'extend-1',
    origin: { function: 'Shares.extend', template: '<fName>-<id>' },
  });
  expect(waiting?.since).toBeLessThanOrEqual(manager.clock.monotonic());
  gate.open();
  await Promise.all([first, second]);
  expect(manager.waitingCalls).toEqual([]);
});

it('a call that gave up waiting is among those that wait no more', async () => {
  const { manager } = await start();
  const coordinator = app.get(CoordinatorService);
  const lease = await coordinator.getLock('taken').hold();
  await expect(coordinator.getLock('taken').hold({ blocking: 20 })).rejects.toThrow('taken');
  const controller = new AbortController();
  const aborted = coordinator.getLock('taken').hold({ signal: controller.signal });
  await eventually(() => manager.waitingCalls.length === 1);
  controller.abort(new Error('the caller left'));
  await expect(aborted).rejects.toThrow('the caller left');
  expect(manager.waitingCalls).toEqual([]);
  await lease.release();
});
