import { describe, expect, it } from 'vitest';
import { BackendUnavailableError } from '../../lib/errors.js';
import type { HeldLease } from '../../lib/lock/lease/held-lease.js';
import { LockManagerBench, type Terms } from '../support/lock-manager-bench.js';

const down = new BackendUnavailableError('down');
const RENEWED = { kind: 'renewed' };
const failed = (error: Error) => ({ kind: 'failed', error });
const lost = { kind: 'lost', loss: { reason: 'broken', message: 'it is gone' } };

/** A heartbeat of 3200 ms is cut into slots of 100 ms, and a bench begins with a new one. */
const SETTINGS = { ttl: 9600, heartbeat: 3200 };

async function takeMany(bench: LockManagerBench, count: number, terms: Terms = {}): Promise<HeldLease[]> {
  const from = bench.driver.holders.size;
  return Promise.all(
    Array.from({ length: count }, (_, index) => bench.take({ ...terms, name: `lock-${from + index}` })),
  );
}

/** The locks of each renewal so far. */
/** Which leases were renewed together; their order means nothing. */
function renewals(bench: LockManagerBench): string[][] {
  return bench.driver.calls
    .filter(({ operation }) => operation === 'renew')
    .map(({ name }) => name.split(' ').toSorted());
}

function sizes(bench: LockManagerBench): number[] {
  return renewals(bench).map(({ length }) => length);
}

describe('many leases', () => {
  it('are renewed together when they were taken at about the same time', async () => {
    const bench = new LockManagerBench(SETTINGS);
    await takeMany(bench, 2);
    await bench.clock.advance(99);
    await takeMany(bench, 1);
    await bench.clock.advance(1);
    await takeMany(bench, 1);
    await bench.clock.advance(3099);
    expect(renewals(bench)).toEqual([]);
    await bench.clock.advance(1);
    expect(renewals(bench)).toEqual([['lock-0', 'lock-1', 'lock-2']]);
    await bench.clock.advance(100);
    expect(renewals(bench).slice(1)).toEqual([['lock-3']]);
    await bench.clock.advance(3200);
    expect(sizes(bench)).toEqual([3, 1, 3, 1]);
  });

  it('are renewed together by ttl: those of another one are renewed apart', async () => {
    const bench = new LockManagerBench(SETTINGS);
    await takeMany(bench, 2);
    await takeMany(bench, 2, { ttl: 20_000 });
    await bench.clock.advance(3200);
    expect(bench.driver.calls.slice(-2)).toMatchObject([
      { name: 'lock-0 lock-1', ttl: 9600, grantId: 'grant-1 grant-2' },
      { name: 'lock-2 lock-3', ttl: 20_000, grantId: 'grant-3 grant-4' },
    ]);
  });

  it.each([10_000, 17_000])(
    'are renewed in few calls, spread over the heartbeat (%i of them)',
    async (count) => {
      const bench = new LockManagerBench(SETTINGS);
      const leases = await takeMany(bench, count);
      // Each was renewed once, earlier than it would have to be alone.
      await bench.clock.advance(3200);
      for (let beat = 0; beat < 2; beat += 1) {
        const from = bench.driver.calls.length;
        let most = 0;
        for (let slot = 0; slot < 32; slot += 1) {
          const before = bench.driver.calls.length;
          await bench.clock.advance(100);
          most = Math.max(most, bench.driver.calls.length - before);
        }
        const calls = bench.driver.calls.slice(from);
        expect(calls.length).toBe(count / 500);
        expect(most).toBe(Math.ceil(count / 500 / 32));
        const names = calls.flatMap(({ name }) => name.split(' '));
        expect(new Set(names).size).toBe(count);
        expect(names.length).toBe(count);
      }
      expect(leases.every(({ held }) => held)).toBe(true);
    },
  );

  it('are renewed in few calls when they were taken at any time', async () => {
    const bench = new LockManagerBench(SETTINGS);
    for (let slot = 0; slot < 320; slot += 1) {
      await takeMany(bench, 31);
      await bench.clock.advance(10);
    }
    await bench.clock.advance(32_000);
    const before = bench.driver.count('renew');
    await bench.clock.advance(3200);
    expect(bench.driver.count('renew') - before).toBeLessThanOrEqual(33);
  });

  it('have one timer, and no appointment each', async () => {
    const bench = new LockManagerBench(SETTINGS);
    await takeMany(bench, 1000);
    expect(bench.clock.timers).toBe(1);
  });

  it('are renewed no more after their release, while those beside them are', async () => {
    const bench = new LockManagerBench(SETTINGS);
    const leases = await takeMany(bench, 4);
    await leases[1]!.release();
    await bench.clock.advance(3200);
    expect(renewals(bench)).toEqual([['lock-0', 'lock-2', 'lock-3']]);
    const late = bench.driver.delay('renew');
    await bench.clock.advance(3200);
    await leases[2]!.release();
    late.answer();
    await bench.clock.advance(3200);
    expect(renewals(bench).slice(2)).toEqual([['lock-0', 'lock-3']]);
    expect(bench.warnings).toEqual([]);
  });

  it('leave nothing behind when all are released', async () => {
    const bench = new LockManagerBench(SETTINGS);
    const leases = await takeMany(bench, 100);
    await bench.clock.advance(4000);
    await Promise.all(leases.map((lease) => lease.release()));
    await bench.clock.advance(3200);
    expect([bench.clock.timers, bench.driver.count('renew')]).toEqual([0, 1]);
  });

  it('have one deadline after a renewal, counted from before it was sent', async () => {
    const bench = new LockManagerBench(SETTINGS);
    const [first, second] = await takeMany(bench, 2);
    await bench.clock.advance(50);
    const [third] = await takeMany(bench, 1);
    const late = bench.driver.delay('renew');
    await bench.clock.advance(3150 + 700);
    late.answer();
    await bench.clock.advance(0);
    const left = 9600 - 96 - 2 - 700;
    for (const lease of [first, second, third]) expect(lease!.remaining()).toBe(left);
  });

  it('end apart when a renewal hangs: each at its own deadline', async () => {
    const bench = new LockManagerBench(SETTINGS);
    const aborted: number[] = [];
    const start = bench.clock.monotonic();
    for (let index = 0; index < 3; index += 1) {
      const [lease] = await takeMany(bench, 1);
      lease!.signal.addEventListener('abort', () => aborted.push(bench.clock.monotonic() - start));
      await bench.clock.advance(30);
    }
    bench.driver.delay('renew');
    await bench.clock.advance(20_000);
    expect(sizes(bench)).toEqual([3]);
    expect(aborted).toEqual([9502, 9532, 9562]);
  });

  it('have an outcome each: one that is lost, or fails, changes nothing for the others', async () => {
    const bench = new LockManagerBench(SETTINGS);
    const leases = await takeMany(bench, 5);
    bench.driver.answer('renew', [RENEWED, lost, failed(down), RENEWED, failed(down)]);
    await bench.clock.advance(3200);
    expect(leases.map(({ held }) => held)).toEqual([true, false, true, true, true]);
    expect(leases[1]!.lost?.reason).toBe('broken');
    expect(leases[0]!.remaining()).toBe(9502);
    expect(leases[2]!.remaining()).toBe(6302);
    expect(bench.warnings).toEqual([
      'Lock "lock-1": member-1 lost its lease: it is gone; work done under it may not have been alone',
      'Lock "lock-2" and 1 more: renewal failed, 6302 ms left to repeat it: down',
    ]);
    await bench.clock.advance(1576);
    expect(renewals(bench).slice(1)).toEqual([['lock-2', 'lock-4']]);
    expect(leases[2]!.remaining()).toBeGreaterThan(9400);
    await bench.clock.advance(3200);
    expect(renewals(bench).slice(2)).toEqual([
      ['lock-0', 'lock-3'],
      ['lock-2', 'lock-4'],
    ]);
  });

  it('fail with one line for each batch, and once for each outage', async () => {
    const bench = new LockManagerBench(SETTINGS);
    const leases = await takeMany(bench, 1000);
    bench.driver.outage = down;
    await bench.clock.advance(6000);
    expect(bench.driver.count('renew')).toBeGreaterThan(5);
    expect(bench.warnings).toEqual([
      expect.stringMatching(
        /^Lock "lock-500" and 499 more: renewal failed, 6402 ms left to repeat it: down$/,
      ),
      expect.stringMatching(/^Lock "lock-0" and 499 more: renewal failed, 6302 ms left to repeat it: down$/),
    ]);
    bench.driver.comeUp();
    await bench.clock.advance(10_000);
    expect(leases.every(({ held }) => held)).toBe(true);
    bench.driver.outage = down;
    await bench.clock.advance(3200);
    expect(bench.warnings).toHaveLength(4);
    const before = bench.driver.count('renew');
    await bench.clock.advance(20_000);
    expect(leases.some(({ held }) => held)).toBe(false);
    // Both batches go on until their deadlines, more and more often, and no more often than that.
    expect(bench.driver.count('renew') - before).toBeLessThan(60);
  });

  it('are not renewed when their deadline has passed in a blocked process, and the others are', async () => {
    const bench = new LockManagerBench(SETTINGS);
    const old = await takeMany(bench, 2);
    await bench.clock.advance(2000);
    const young = await takeMany(bench, 2);
    bench.clock.block(8000);
    await bench.clock.advance(0);
    expect(old.map(({ lost: loss }) => loss?.reason)).toEqual(['expired', 'expired']);
    expect(renewals(bench)).toEqual([['lock-2', 'lock-3']]);
    expect(young.every(({ held }) => held)).toBe(true);
  });

  it('may be released by whoever is told that another one of them is lost', async () => {
    const bench = new LockManagerBench(SETTINGS);
    const [first, second, third] = await takeMany(bench, 3);
    second!.signal.addEventListener('abort', () => {
      void first!.release();
      void third!.release();
    });
    bench.driver.answer('renew', [RENEWED, lost, RENEWED]);
    await bench.clock.advance(20_000);
    expect(sizes(bench)).toEqual([3]);
    expect([first!.state, second!.state, third!.state]).toEqual(['released', 'lost', 'released']);
  });

  it('of a ttl of their own are renewed together also while earlier ones of them are being renewed', async () => {
    const bench = new LockManagerBench(SETTINGS);
    const first = await bench.take({ name: 'first', ttl: 20_000 });
    const late = bench.driver.delay('renew');
    await bench.clock.advance(3200);
    await bench.take({ name: 'second', ttl: 20_000 });
    await first.release();
    await bench.take({ name: 'third', ttl: 20_000 });
    late.answer();
    await bench.clock.advance(3200);
    expect(sizes(bench)).toEqual([1, 2]);
  });

  it('with a ttl of their own each are renewed each by itself, and leave nothing behind', async () => {
    const bench = new LockManagerBench(SETTINGS);
    const leases = await Promise.all(
      Array.from({ length: 50 }, (_, index) => bench.take({ name: `lock-${index}`, ttl: 9600 + index })),
    );
    await bench.clock.advance(3300);
    expect(sizes(bench)).toEqual(Array(50).fill(1));
    await Promise.all(leases.map((lease) => lease.release()));
    await bench.clock.advance(3300);
    expect(bench.clock.timers).toBe(0);
  });
});

describe('a lease alone', () => {
  it.each([3200, 3333, 100, 7.7])(
    'is renewed at the heartbeat or a little earlier (%d ms)',
    async (heartbeat) => {
      const bench = new LockManagerBench({ ttl: 9600, heartbeat });
      await bench.clock.advance(123.45);
      await bench.take();
      await bench.clock.advance(heartbeat * (31 / 32) - 0.001);
      expect(bench.driver.count('renew')).toBe(0);
      await bench.clock.advance(heartbeat / 32 + 0.002);
      expect(bench.driver.count('renew')).toBe(1);
      await bench.clock.advance(heartbeat * 100);
      expect(bench.driver.count('renew')).toBe(101);
    },
  );

  it('is renewed sooner when its last renewal was slow, and its event comes in time when that fails', async () => {
    const bench = new LockManagerBench({ ttl: 1000, heartbeat: 400 });
    const lease = await bench.take();
    const late = bench.driver.delay('renew');
    await bench.clock.advance(400 + 500);
    late.answer();
    await bench.clock.advance(0);
    expect(lease.remaining()).toBe(488);
    let aborted = 0;
    lease.signal.addEventListener('abort', () => (aborted = bench.clock.monotonic()));
    bench.driver.goDown();
    await bench.clock.advance(200);
    expect(bench.driver.count('renew')).toBe(2);
    await bench.clock.advance(500);
    expect(aborted).toBe(1000 + 400 + 988);
  });

  it('is renewed sooner when its grant was slow to come', async () => {
    const bench = new LockManagerBench(SETTINGS);
    const late = bench.driver.delay('acquire');
    const taking = bench.take();
    await bench.clock.advance(6502);
    late.answer();
    expect((await taking).remaining()).toBe(3000);
    await bench.clock.advance(930);
    expect(bench.driver.count('renew')).toBe(0);
    await bench.clock.advance(1011 - 930);
    expect(bench.driver.count('renew')).toBe(1);
  });
});
