import { describe, expect, it } from 'vitest';
import { BackendUnavailableError, LeaseLostError } from '../../lib/errors.js';
import type { HeldLease } from '../../lib/lock/lease/held-lease.js';
import { LockManagerBench, outcomeOf } from '../support/lock-manager-bench.js';

const down = new BackendUnavailableError('no node answers');
const full = new BackendUnavailableError('it is full (OOM)', { refused: true });
const partial = new BackendUnavailableError('one of three answers', { partial: true });

function lossOf(lease: HeldLease): Pick<LeaseLostError, 'reason' | 'message' | 'cause'> {
  if (!lease.lost) throw new Error('the lease is not lost');
  // Everybody is told the same.
  expect(lease.signal.reason).toBe(lease.lost);
  expect(() => lease.assertHeld()).toThrow(lease.lost);
  const { reason, message, cause } = lease.lost;
  return { reason, message, cause };
}

async function benchWithLease() {
  const bench = new LockManagerBench({ ttl: 1000, heartbeat: 400 });
  return { bench, lease: await bench.take() };
}

describe('the reason of a lost lease', () => {
  it('is "expired" when nobody could renew it by its deadline', async () => {
    const { bench, lease } = await benchWithLease();
    bench.clock.block(5000);
    expect(lossOf(lease)).toMatchObject({ reason: 'expired', cause: undefined });
    expect(lossOf(lease).message).toBe(
      'Lock "lock": member-1 lost its lease: its deadline passed before it could be renewed, as after a blocked event loop or a stopped process; work done under it may not have been alone',
    );
    await bench.clock.advance(1000);
    expect(bench.driver.count('renew')).toBe(0);
  });

  it('is "expired" after a suspended machine too', async () => {
    const { bench, lease } = await benchWithLease();
    bench.clock.stepWall(60_000);
    expect(lossOf(lease).reason).toBe('expired');
  });

  it.each([
    { error: down, reason: 'backend-down', words: 'while the back end did not answer' },
    { error: partial, reason: 'quorum-lost', words: 'fewer nodes than a quorum' },
    {
      error: full,
      reason: 'backend-down',
      words: 'while the back end refused to renew it: it is full (OOM)',
    },
  ])(
    'is "$reason" when the renewals failed like that until the deadline',
    async ({ error, reason, words }) => {
      const { bench, lease } = await benchWithLease();
      bench.driver.outage = error;
      await bench.clock.advance(988);
      expect(lossOf(lease)).toMatchObject({ reason, cause: error });
      expect(lossOf(lease).message).toContain('Lock "lock": member-1 lost its lease: its deadline passed');
      expect(lossOf(lease).message).toContain(words);
    },
  );

  it('is that of the last renewal before the deadline', async () => {
    const { bench, lease } = await benchWithLease();
    bench.driver.outage = down;
    await bench.clock.advance(700);
    bench.driver.outage = partial;
    await bench.clock.advance(288);
    expect(lossOf(lease)).toMatchObject({ reason: 'quorum-lost', cause: partial });
  });

  it('does not blame a back end that has confirmed a renewal since', async () => {
    const { bench, lease } = await benchWithLease();
    bench.driver.answer('renew', down);
    await bench.clock.advance(700);
    expect(bench.driver.count('renew')).toBe(2);
    bench.clock.block(5000);
    expect(lossOf(lease)).toMatchObject({ reason: 'expired', cause: undefined });
  });

  it('is "backend-down" when a renewal hangs over the deadline', async () => {
    const { bench, lease } = await benchWithLease();
    const late = bench.driver.delay('renew');
    await bench.clock.advance(988);
    expect(lossOf(lease)).toMatchObject({ reason: 'backend-down', cause: undefined });
    late.fail(partial);
    await bench.clock.advance(10_000);
    expect(lossOf(lease).reason).toBe('backend-down');
    expect(bench.driver.count('renew')).toBe(1);
  });

  it('keeps the last failure when the renewal after it hangs', async () => {
    const { bench, lease } = await benchWithLease();
    bench.driver.answer('renew', partial);
    await bench.clock.advance(400);
    bench.driver.delay('renew');
    await bench.clock.advance(588);
    expect(bench.driver.count('renew')).toBe(2);
    expect(lossOf(lease)).toMatchObject({ reason: 'quorum-lost', cause: partial });
  });

  it('is "expired" when the process was stopped while a renewal was under way: its answer may lie unread', async () => {
    const { bench, lease } = await benchWithLease();
    const late = bench.driver.delay('renew');
    await bench.clock.advance(400);
    bench.clock.block(3000);
    late.fail(down);
    await bench.clock.advance(0);
    expect(lossOf(lease)).toMatchObject({ reason: 'expired', cause: undefined });
  });

  it.each(['taken-over', 'broken'] as const)('is "%s" when the back end says so', async (reason) => {
    const { bench, lease } = await benchWithLease();
    bench.driver.answer('renew', { kind: 'lost', loss: { reason, message: 'in the words of the driver' } });
    await bench.clock.advance(400);
    expect(lossOf(lease).reason).toBe(reason);
    expect(lossOf(lease).message).toContain('member-1 lost its lease: in the words of the driver;');
  });

  it('is "broken" for a lock that was broken here', async () => {
    const { bench, lease } = await benchWithLease();
    await bench.manager.break('lock');
    expect(lossOf(lease).reason).toBe('broken');
  });

  it('is "stopped" when the coordinator stopped under the work', async () => {
    const { bench, lease } = await benchWithLease();
    void bench.manager.stop(0);
    await bench.clock.advance(0);
    expect(lossOf(lease).reason).toBe('stopped');
  });

  it('is not "stopped" for a lease that was over before the stop', async () => {
    const { bench, lease } = await benchWithLease();
    bench.clock.block(5000);
    await bench.manager.stop(0);
    expect(lossOf(lease).reason).toBe('expired');
  });

  it('is "broken" when the release finds nothing before the deadline', async () => {
    const { bench, lease } = await benchWithLease();
    const late = bench.driver.delay('release');
    const releasing = lease.release();
    bench.driver.takeAway('lock');
    await bench.clock.advance(900);
    late.answer();
    expect(await releasing).toBe(false);
    expect(lease.lost?.reason).toBe('broken');
  });

  it('is none when the deadline passes while the release is on its way', async () => {
    const { bench, lease } = await benchWithLease();
    const late = bench.driver.delay('release');
    const releasing = lease.release();
    bench.driver.takeAway('lock');
    await bench.clock.advance(5000);
    late.answer();
    expect(await releasing).toBe(true);
    expect(lease.lost).toBeUndefined();
    expect([bench.seen('lease.lost'), bench.seen('lease.released')]).toEqual([0, 1]);
  });

  it('is "released" for those who go on after they gave it back, and no loss', async () => {
    const { bench, lease } = await benchWithLease();
    await lease.release();
    const outcome = outcomeOf(Promise.resolve().then(() => lease.assertHeld()));
    await bench.clock.advance(0);
    expect(outcome.error).toMatchObject({ reason: 'released' });
    expect(outcome.error).toBeInstanceOf(LeaseLostError);
    expect(lease.lost).toBeUndefined();
    expect(bench.seen('lease.lost')).toBe(0);
  });

  it('comes with the event', async () => {
    const { bench, lease } = await benchWithLease();
    bench.driver.outage = partial;
    await bench.clock.advance(988);
    expect(bench.events.at(-1)).toMatchObject({ name: 'lease.lost', event: { error: lease.lost } });
  });
});
