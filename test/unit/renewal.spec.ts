import { describe, expect, it } from 'vitest';
import { BackendUnavailableError } from '../../lib/errors.js';
import type { Claim } from '../../lib/drivers/driver.js';
import type { HeldLease } from '../../lib/lock/lease/held-lease.js';
import { LockManagerBench } from '../support/lock-manager-bench.js';

const down = new BackendUnavailableError('down');

describe('the renewal of a lease', () => {
  it('comes once per heartbeat, for as long as the lease is held', async () => {
    const bench = new LockManagerBench({ ttl: 1000, heartbeat: 400 });
    const lease = await bench.take();
    await bench.clock.advance(399);
    expect(bench.driver.count('renew')).toBe(0);
    await bench.clock.advance(1);
    expect(bench.driver.count('renew')).toBe(1);
    await bench.clock.advance(40_000);
    expect(bench.driver.count('renew')).toBe(101);
    expect(lease.held).toBe(true);
    expect(bench.driver.calls.at(-1)).toEqual({
      operation: 'renew',
      name: 'lock',
      ttl: 1000,
      grantId: 'grant-1',
    });
  });

  it.each([
    { ttl: 300, period: 100, why: 'at a third of a shorter ttl of its own' },
    { ttl: 60_000, period: 500, why: 'at the heartbeat when a third of its own ttl is longer' },
  ])('comes $why', async ({ ttl, period }) => {
    const bench = new LockManagerBench({ ttl: 1000, heartbeat: 500 });
    await bench.take({ ttl });
    await bench.clock.advance(period - 1);
    expect(bench.driver.count('renew')).toBe(0);
    await bench.clock.advance(1);
    expect(bench.driver.calls.at(-1)).toMatchObject({ operation: 'renew', ttl });
  });

  it('is one at a time', async () => {
    const bench = new LockManagerBench({ ttl: 1000, heartbeat: 100 });
    await bench.take();
    const late = bench.driver.delay('renew');
    await bench.clock.advance(900);
    expect(bench.driver.count('renew')).toBe(1);
    late.answer();
    await bench.clock.advance(100);
    expect(bench.driver.count('renew')).toBe(2);
  });

  it('does not revive a lease when its reply comes after the deadline', async () => {
    const bench = new LockManagerBench({ ttl: 1000, heartbeat: 400 });
    const lease = await bench.take();
    const late = bench.driver.delay('renew');
    await bench.clock.advance(1000);
    expect(lease.lost?.message).toContain('its deadline passed');
    late.answer();
    await bench.clock.advance(5000);
    expect(lease.held).toBe(false);
    expect(lease.signal.aborted).toBe(true);
    expect(bench.driver.count('renew')).toBe(1);
  });

  it('does not revive a lease whose deadline nobody has looked at yet', async () => {
    const bench = new LockManagerBench({ ttl: 1000, heartbeat: 400 });
    const lease = await bench.take();
    const late = bench.driver.delay('renew');
    await bench.clock.advance(400);
    late.answer();
    bench.clock.block(700);
    await bench.clock.advance(0);
    expect(lease.held).toBe(false);
  });

  it('ends the lease at once when the back end says that it is not ours', async () => {
    const bench = new LockManagerBench({ ttl: 1000, heartbeat: 400 });
    const lease = await bench.take();
    const { signal } = lease;
    bench.driver.takeAway('lock');
    await bench.clock.advance(400);
    expect(signal.aborted).toBe(true);
    expect(lease.lost?.message).toContain('somebody else has it');
    expect([bench.seen('lease.lost'), bench.warnings.length]).toEqual([1, 1]);
    await bench.clock.advance(5000);
    expect(bench.driver.count('renew')).toBe(1);
  });

  it('is repeated when it fails, until it succeeds', async () => {
    const bench = new LockManagerBench({ ttl: 1000, heartbeat: 400 });
    const lease = await bench.take();
    bench.driver.answer('renew', down);
    bench.driver.answer('renew', new Error('something else'));
    await bench.clock.advance(400 + 147 + 110 + 1);
    expect(bench.driver.count('renew')).toBe(3);
    expect(bench.warnings).toEqual(['Lock "lock": renewal failed, 588 ms left to repeat it: down']);
    await bench.clock.advance(10_000);
    expect(lease.held).toBe(true);
  });

  it('is repeated until the deadline, and then the lease is lost with one warning', async () => {
    const bench = new LockManagerBench({ ttl: 1000, heartbeat: 400 });
    const lease = await bench.take();
    const { signal } = lease;
    bench.driver.goDown();
    await bench.clock.advance(987);
    expect(signal.aborted).toBe(false);
    expect(bench.driver.count('renew')).toBeGreaterThan(5);
    await bench.clock.advance(1);
    expect(signal.aborted).toBe(true);
    const renewals = bench.driver.count('renew');
    await bench.clock.advance(10_000);
    expect(bench.driver.count('renew')).toBe(renewals);
    expect(bench.warnings).toEqual([
      expect.stringContaining('renewal failed'),
      expect.stringContaining('lost its lease'),
    ]);
    expect(bench.seen('lease.lost')).toBe(1);
  });

  it('warns again of a second outage', async () => {
    const bench = new LockManagerBench({ ttl: 1000, heartbeat: 400 });
    await bench.take();
    bench.driver.answer('renew', down);
    await bench.clock.advance(1000);
    bench.driver.answer('renew', down);
    await bench.clock.advance(1000);
    expect(bench.warnings).toHaveLength(2);
  });

  it('does not happen after the release', async () => {
    const bench = new LockManagerBench({ ttl: 1000 });
    const lease = await bench.take();
    await lease.release();
    await bench.clock.advance(100_000);
    expect(bench.driver.count('renew')).toBe(0);
  });

  it.each(['answer', 'fail'] as const)(
    'does not go on after a release while one was in flight (%s)',
    async (how) => {
      const bench = new LockManagerBench({ ttl: 1000, heartbeat: 400 });
      const lease = await bench.take();
      const late = bench.driver.delay('renew');
      await bench.clock.advance(400);
      expect(await lease.release()).toBe(true);
      if (how === 'answer') late.answer();
      else late.fail(down);
      await bench.clock.advance(600);
      expect(bench.clock.timers).toBe(0);
      await bench.clock.advance(100_000);
      expect(bench.driver.count('renew')).toBe(1);
      expect(bench.warnings).toEqual([]);
      expect(lease.signal.aborted).toBe(false);
    },
  );

  it('does not happen while a release is under way', async () => {
    const bench = new LockManagerBench({ ttl: 1000, heartbeat: 400 });
    const lease = await bench.take();
    const late = bench.driver.delay('release');
    const releasing = lease.release();
    await bench.clock.advance(5000);
    expect(bench.driver.count('renew')).toBe(0);
    late.answer();
    expect(await releasing).toBe(true);
  });

  it('finds out that the machine was suspended instead of renewing what is over', async () => {
    const bench = new LockManagerBench({ ttl: 1000, heartbeat: 400 });
    const lease = await bench.take();
    bench.clock.stepWall(60_000);
    await bench.clock.advance(400);
    expect(bench.driver.count('renew')).toBe(0);
    expect(lease.lost?.message).toContain('its deadline passed');
  });

  it('needs one timer for a thousand leases', async () => {
    const bench = new LockManagerBench({ ttl: 1000 });
    await Promise.all(Array.from({ length: 1000 }, (_, index) => bench.take({ name: `lock-${index}` })));
    expect(bench.clock.timers).toBe(1);
  });
});

describe('the presence of the member', () => {
  it('is announced at the start and once per heartbeat, and withdrawn at the stop', async () => {
    const bench = new LockManagerBench({ ttl: 1000, heartbeat: 400 });
    await bench.manager.start();
    expect(bench.driver.calls).toEqual([{ operation: 'put', name: 'members member-1', ttl: 1000 }]);
    await bench.clock.advance(1200);
    expect(bench.driver.count('put')).toBe(4);
    await bench.manager.stop(0);
    expect(await bench.driver.recordsOf('members')).toEqual([]);
    await bench.clock.advance(5000);
    expect(bench.driver.count('put')).toBe(4);
  });

  it('is announced again after an outage', async () => {
    const bench = new LockManagerBench({ ttl: 1000, heartbeat: 400 });
    await bench.manager.start();
    bench.driver.goDown();
    await bench.clock.advance(4000);
    bench.driver.comeUp();
    await bench.driver.records.remove('members', 'member-1', 100);
    await bench.clock.advance(400);
    expect(await bench.driver.recordsOf('members')).toEqual(['member-1']);
  });

  it('is withdrawn after an announcement in flight, never before it', async () => {
    const bench = new LockManagerBench({ ttl: 1000, heartbeat: 400 });
    await bench.manager.start();
    const late = bench.driver.delay('put');
    await bench.clock.advance(400);
    const stopping = bench.manager.stop(0);
    await bench.clock.advance(0);
    expect(bench.driver.count('remove')).toBe(0);
    late.answer();
    await stopping;
    expect(await bench.driver.recordsOf('members')).toEqual([]);
  });
});

describe('the renewal of a lease of which the back end has granted a part', () => {
  const SETTINGS = { ttl: 10_000, heartbeat: 3000 };

  async function briefly(bench: LockManagerBench, name: string, ms = 700): Promise<HeldLease> {
    const since = { monotonic: bench.clock.monotonic(), wall: bench.clock.wall() };
    const grant = { name, key: name, id: `grant-of-${name}`, term: { since, ms } };
    bench.driver.holders.set(name, { id: grant.id, request: {} as Claim });
    bench.driver.answer('acquire', { granted: true, grant });
    return bench.take({ name });
  }

  it('comes at once, and then as of any other', async () => {
    const bench = new LockManagerBench(SETTINGS);
    const lease = await briefly(bench, 'lock');
    await bench.clock.advance(5);
    expect(bench.driver.count('renew')).toBe(1);
    expect(lease.remaining()).toBe(10_000 - 102);
    await bench.clock.advance(2800);
    expect(bench.driver.count('renew')).toBe(1);
    await bench.clock.advance(200);
    expect(bench.driver.count('renew')).toBe(2);
  });

  it('does not come when the work is done by then', async () => {
    const bench = new LockManagerBench(SETTINGS);
    for (let round = 0; round < 10; round += 1) {
      const lease = await briefly(bench, 'lock');
      await bench.clock.advance(4);
      await lease.release();
    }
    await bench.clock.advance(10_000);
    expect(bench.driver.count('renew')).toBe(0);
  });

  it('is one call for all of them', async () => {
    const bench = new LockManagerBench(SETTINGS);
    await briefly(bench, 'first');
    await bench.clock.advance(3);
    await briefly(bench, 'second');
    await bench.clock.advance(2);
    await briefly(bench, 'third');
    await bench.clock.advance(5);
    const names = bench.driver.calls.filter(({ operation }) => operation === 'renew').map(({ name }) => name);
    expect(names.map((name) => name.split(' ').toSorted())).toEqual([['first', 'second'], ['third']]);
  });

  it('is repeated when it fails, and counts as an outage when the time is over', async () => {
    const bench = new LockManagerBench(SETTINGS);
    const lease = await briefly(bench, 'lock');
    bench.driver.goDown();
    await bench.clock.advance(300);
    expect(bench.driver.count('renew')).toBeGreaterThan(1);
    expect(lease.held).toBe(true);
    await bench.clock.advance(400);
    expect(lease.lost?.reason).toBe('backend-down');
  });
});
