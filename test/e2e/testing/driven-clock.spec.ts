import { Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { afterEach, expect, it, vi } from 'vitest';
import { CoordinatorService, currentRun, LeaseLostError, RunOnce } from 'nestjs-coordination';
import {
  CoordinationTestingModule,
  type CoordinationTestingModuleOptions,
  CoordinationTestKit,
} from 'nestjs-coordination/testing';

@Injectable()
class Jobs {
  readonly ran: string[] = [];
  body: () => unknown = () => undefined;

  @RunOnce('nightly')
  async nightly(): Promise<void> {
    this.ran.push(currentRun()?.tick.toISOString() ?? 'by hand');
    await this.body();
  }

  @RunOnce('poll', { every: '1m' })
  poll(): void {
    this.ran.push('poll');
  }
}

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  vi.useRealTimers();
  for (const close of closing.splice(0)) await close();
});

async function start(options?: CoordinationTestingModuleOptions) {
  const module = await Test.createTestingModule({
    imports: [CoordinationTestingModule.forRoot(options)],
    providers: [Jobs],
  }).compile();
  await module.init();
  closing.push(() => module.close());
  const [kit, jobs, coordinator] = [
    module.get(CoordinationTestKit),
    module.get(Jobs),
    module.get(CoordinatorService),
  ];
  return { module, kit, jobs, coordinator };
}

it('a lease is renewed while time passes, and is lost when the back end is away for longer than its ttl', async () => {
  const { kit, coordinator } = await start({ clock: 'driven', ttl: '10s' });
  const lease = await coordinator.getLock('share-7').hold();
  await kit.advance('1h');
  lease.assertHeld();
  kit.failBackend();
  await kit.advance('6s');
  lease.assertHeld();
  await kit.advance('5s');
  expect(() => lease.assertHeld()).toThrow(LeaseLostError);
  kit.restoreBackend();
  await using held = await kit.hold('share-7');
  held.assertHeld();
});

it('a waiter gets the lock of a replica that was cut off, when its lease has run out', async () => {
  const { kit, coordinator } = await start({ clock: 'driven', ttl: '10s' });
  await kit.hold('share-7');
  const waiting = coordinator.using('share-7', { blocking: '1m' }, () => kit.now());
  const since = kit.now();
  await kit.advance('20s');
  await (await kit.replica('another-replica')).stop();
  await kit.advance('10s');
  expect((await waiting) - since).toBeLessThanOrEqual(30_000);
});

it('a job runs once per tick, and its run is returned, also that of a failure', async () => {
  const { kit, jobs } = await start();
  const tick = new Date('2040-03-10T03:00:00Z');
  expect(await kit.runTick('nightly', tick)).toMatchObject({ tick, outcome: 'succeeded' });
  await kit.runTick('nightly', tick);
  expect(jobs.ran).toEqual([tick.toISOString()]);
  jobs.body = () => Promise.reject(new Error('disk full'));
  const next = new Date('2040-03-11T03:00:00Z');
  expect(await kit.runTick('nightly', next)).toMatchObject({
    tick: next,
    outcome: 'failed',
    error: 'disk full',
  });
  await expect(kit.runTick('weekly')).rejects.toThrow(/it has "nightly", "poll"$/);
});

it('a tick is left out while an earlier run is not over', async () => {
  const { kit, jobs } = await start();
  let end = (): void => undefined;
  jobs.body = () => new Promise<void>((resolve) => (end = resolve));
  const first = kit.runTick('nightly', 1000);
  await expect.poll(() => jobs.ran.length).toBe(1);
  expect(await kit.runTick('nightly', 2000)).toMatchObject({ tick: new Date(1000), outcome: 'running' });
  end();
  expect(await first).toMatchObject({ outcome: 'succeeded' });
  expect(jobs.ran).toEqual([new Date(1000).toISOString()]);
});

it('a job with a period runs as the driven time passes', async () => {
  const { kit, jobs } = await start({ clock: 'driven' });
  await kit.advance('5m');
  expect(jobs.ran).toEqual(['poll', 'poll', 'poll', 'poll', 'poll']);
});

it('to advance the clock of the machine is refused', async () => {
  const { kit } = await start();
  await expect(kit.advance('1s')).rejects.toThrow(/clock: 'driven'/);
  const driven = await start({ clock: 'driven' });
  await expect(driven.kit.advance('soon')).rejects.toThrow(/number of ms/);
});

it('a clock that is neither one is refused', () => {
  expect(() => new CoordinationTestKit(JSON.parse('{ "clock": "fake" }'))).toThrow(
    /'system' or 'driven', got 'fake'/,
  );
});

it('an application closes while work still runs, though nobody drives the clock any more', async () => {
  const { module, kit, coordinator } = await start({ clock: 'driven', stopTimeout: 20 });
  const lost = coordinator.using('share-7', (lease) => {
    return new Promise((resolve) => lease.signal.addEventListener('abort', resolve));
  });
  const refused = expect(lost).rejects.toThrow(LeaseLostError);
  await expect.poll(() => kit.held).toEqual(['share-7']);
  await module.close();
  await refused;
});

it('the driven clock goes by itself in spite of fake timers', async () => {
  vi.useFakeTimers();
  const { module, kit, coordinator } = await start({ clock: 'driven', ttl: '10s' });
  await kit.hold('share-7');
  const waiting = coordinator.using('share-7', { blocking: '5s' }, () => undefined);
  const refused = expect(waiting).rejects.toThrow(/share-7/);
  await kit.advance('5s');
  await refused;
  await module.close();
});

it('fake timers drive the clock of the machine', async () => {
  vi.useFakeTimers();
  const { kit, coordinator } = await start({ ttl: '10s' });
  await kit.hold('share-7');
  const waiting = coordinator.using('share-7', { blocking: '5s' }, () => undefined);
  const refused = expect(waiting).rejects.toThrow(/share-7/);
  await vi.advanceTimersByTimeAsync(5000);
  await refused;
});
