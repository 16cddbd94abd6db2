import { describe, expect, it } from 'vitest';
import { BackendUnavailableError, LeaseLostError } from '../../lib/errors.js';
import { LockManagerBench } from '../support/lock-manager-bench.js';

describe('a lease', () => {
  it('says until when it lasts', async () => {
    const bench = new LockManagerBench({ ttl: 1000 });
    const lease = await bench.take();
    expect(lease.name).toBe('lock');
    expect(lease.deadline).toBe(Date.UTC(2020, 0, 1) + 988);
    expect(lease.remaining()).toBe(988);
    bench.clock.block(300);
    expect(lease.remaining()).toBe(688);
    lease.assertHeld();
    bench.clock.block(688);
    expect(lease.remaining()).toBe(0);
    expect(() => lease.assertHeld()).toThrow(LeaseLostError);
  });

  it('has no deadline where leases end with their process', async () => {
    const bench = new LockManagerBench({}, false);
    const lease = await bench.take();
    await bench.clock.advance(10 ** 9);
    expect([lease.deadline, lease.remaining()]).toEqual([Infinity, Infinity]);
    expect(lease.held).toBe(true);
    expect(bench.driver.count('renew')).toBe(0);
  });

  it('is given back once', async () => {
    const bench = new LockManagerBench();
    const lease = await bench.take();
    const [first, second] = await Promise.all([lease.release(), lease.release()]);
    expect([first, second, await lease.release()]).toEqual([true, false, false]);
    expect(bench.driver.count('release')).toBe(1);
    expect(lease.remaining()).toBe(0);
    expect(() => lease.assertHeld()).toThrow('was released already');
  });

  it('is given back by disposal, which never throws', async () => {
    const bench = new LockManagerBench();
    const lease = await bench.take();
    bench.driver.goDown();
    await lease[Symbol.asyncDispose]();
    expect(bench.warnings.join()).toContain('release was not confirmed');
  });

  it('rejects its release, and says when the lock is free, when the back end does not confirm it', async () => {
    const bench = new LockManagerBench();
    const lease = await bench.take();
    bench.driver.goDown();
    await expect(lease.release()).rejects.toBeInstanceOf(BackendUnavailableError);
    expect(bench.warnings).toEqual([expect.stringContaining('ends by its ttl of 10000 ms')]);
    expect(bench.seen('lease.released')).toBe(0);
    expect(await lease.release()).toBe(false);
  });

  it('says that it ends with the process, and nothing of a ttl, where leases do not expire', async () => {
    const bench = new LockManagerBench({}, false);
    const lease = await bench.take();
    bench.driver.goDown();
    await expect(lease.release()).rejects.toBeInstanceOf(BackendUnavailableError);
    expect(bench.warnings).toEqual([expect.stringMatching(/it ends with this process(?!.*ttl)/)]);
  });

  it('counts as lost when the back end no longer had it at the release', async () => {
    const bench = new LockManagerBench();
    const lease = await bench.take();
    bench.driver.takeAway('lock');
    expect(await lease.release()).toBe(false);
    expect(lease.lost).toBeInstanceOf(LeaseLostError);
    expect(bench.warnings).toEqual([expect.stringContaining('found at release')]);
    expect([bench.seen('lease.lost'), bench.seen('lease.released')]).toEqual([1, 0]);
  });

  it('is given back, best effort, after it was lost', async () => {
    const bench = new LockManagerBench();
    const lease = await bench.take();
    lease.lose({ reason: 'broken', message: 'for a test' });
    expect(await lease.release()).toBe(false);
    expect(bench.driver.count('release')).toBe(1);
    expect(bench.driver.holders.size).toBe(0);
  });

  it('is lost once, with one warning and one event', async () => {
    const bench = new LockManagerBench();
    const lease = await bench.take();
    lease.lose({ reason: 'broken', message: 'first' });
    lease.lose({ reason: 'broken', message: 'second' });
    expect(lease.lost?.message).toContain('first');
    expect([bench.warnings.length, bench.seen('lease.lost')]).toEqual([1, 1]);
    expect(bench.warnings[0]).toMatch(/^Lock "lock": member-1 lost its lease: first/);
  });

  it('lets the next one of this process try as soon as it is lost', async () => {
    const bench = new LockManagerBench();
    const lease = await bench.take();
    const next = bench.take();
    await bench.clock.advance(0);
    bench.driver.free('lock');
    lease.lose({ reason: 'broken', message: 'for a test' });
    expect((await next).grant.id).toBe('grant-2');
    expect(await lease.release()).toBe(false);
    expect(bench.driver.holders.get('lock')?.id).toBe('grant-2');
  });

  it('tells when it was waited for, acquired and released', async () => {
    const bench = new LockManagerBench();
    bench.driver.takeAway('lock');
    const taking = bench.take();
    await bench.clock.advance(400);
    bench.driver.free('lock');
    const lease = await taking;
    await bench.clock.advance(250);
    await lease.release();
    const at = Date.UTC(2020, 0, 1);
    const about = { lock: 'lock', memberId: 'member-1' };
    expect(bench.events).toEqual([
      { name: 'lease.waiting', event: { ...about, at } },
      { name: 'lease.acquired', event: { ...about, at: at + 400, waited: 400 } },
      { name: 'lease.released', event: { ...about, at: at + 650, held: 250 } },
    ]);
  });
});
