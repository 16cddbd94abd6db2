import { describe, expect, it } from 'vitest';
import { Deadline } from '../../lib/lock/lease/deadline.js';
import { FakeClock } from '../support/fake-clock.js';
import { LockManagerBench } from '../support/lock-manager-bench.js';

describe('a deadline', () => {
  it('leaves 1 % of the ttl and 2 ms for the drift of clocks', async () => {
    const clock = new FakeClock();
    const deadline = Deadline.ofLease(clock, 10_000);
    expect(deadline.remaining()).toBe(9898);
    expect(deadline.unix).toBe(clock.wall() + 9898);
    await clock.advance(9897);
    expect(deadline.over).toBe(false);
    await clock.advance(1);
    expect(deadline.over).toBe(true);
  });

  it('believes the wall clock when the monotonic one stood still', () => {
    const clock = new FakeClock();
    const deadline = Deadline.ofLease(clock, 1000);
    clock.stepWall(500);
    expect(deadline.remaining()).toBe(488);
    clock.stepWall(488);
    expect(deadline.over).toBe(true);
  });

  it('believes the monotonic clock when the wall clock steps back', async () => {
    const clock = new FakeClock();
    const deadline = Deadline.ofLease(clock, 1000);
    clock.stepWall(-3_600_000);
    await clock.advance(987);
    expect(deadline.remaining()).toBe(1);
    await clock.advance(1);
    expect(deadline.over).toBe(true);
  });

  it('stays over once it was seen over, whatever the wall clock does then', () => {
    const clock = new FakeClock();
    const deadline = Deadline.ofLease(clock, 1000);
    clock.stepWall(2000);
    expect(deadline.over).toBe(true);
    clock.stepWall(-5000);
    expect(deadline.over).toBe(true);
    expect(deadline.remaining()).toBe(0);
  });

  it('is over at its own time on the monotonic clock, however that was rounded', () => {
    let now = 0;
    const clock = new (class extends FakeClock {
      override monotonic(): number {
        return now;
      }
    })();
    for (let index = 1; index <= 1000; index += 1) {
      now = 1000 + index / 7;
      const deadline = Deadline.ofLease(clock, 1000);
      now = deadline.monotonic;
      expect(deadline.over).toBe(true);
    }
  });

  it('never comes where leases end with their process', () => {
    expect(Deadline.never.remaining()).toBe(Infinity);
    expect(Deadline.never.unix).toBe(Infinity);
  });
});

describe('the deadline of a lease', () => {
  it('counts from before the request was sent', async () => {
    const bench = new LockManagerBench({ ttl: 1000 });
    const late = bench.driver.delay('acquire');
    const taking = bench.take();
    await bench.clock.advance(300);
    late.answer();
    const lease = await taking;
    expect(lease.remaining()).toBe(988 - 300);
    expect(lease.deadline).toBe(bench.clock.wall() + 688);
  });

  it('counts from before the try that was granted, not from the first', async () => {
    const bench = new LockManagerBench({ ttl: 1000 });
    bench.driver.takeAway('lock');
    const taking = bench.take();
    await bench.clock.advance(600);
    bench.driver.free('lock');
    expect((await taking).remaining()).toBe(988);
  });

  it('counts from before the renewal was sent', async () => {
    const bench = new LockManagerBench({ ttl: 900, heartbeat: 250 });
    const lease = await bench.take();
    const late = bench.driver.delay('renew');
    await bench.clock.advance(250);
    await bench.clock.advance(200);
    late.answer();
    await bench.clock.advance(0);
    expect(lease.remaining()).toBe(900 - 9 - 2 - 200);
  });

  it('is never handed out when it has passed before the grant arrived', async () => {
    const bench = new LockManagerBench({ ttl: 100 });
    const late = bench.driver.delay('acquire');
    const taking = bench.take();
    await bench.clock.advance(120);
    late.answer();
    const lease = await taking;
    const operations = bench.driver.calls.map(({ operation }) => operation);
    expect(operations.filter((operation) => !operation.endsWith('watch'))).toEqual([
      'acquire',
      'release',
      'acquire',
    ]);
    expect(lease.grant.id).toBe('grant-2');
    expect(lease.remaining()).toBe(97);
  });

  it('makes a single try that was answered too late fail', async () => {
    const bench = new LockManagerBench({ ttl: 100 });
    const late = bench.driver.delay('acquire');
    const trying = bench.acquire({ blocking: false });
    await bench.clock.advance(120);
    late.answer();
    expect(await trying).not.toHaveProperty('grant');
    expect(bench.driver.holders.size).toBe(0);
  });
});
