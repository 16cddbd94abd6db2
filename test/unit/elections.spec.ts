import { describe, expect, it } from 'vitest';
import { BackendUnavailableError, LeaseLostError } from '../../lib/errors.js';
import { currentLease } from '../../lib/lock/lease/index.js';
import { ElectionBench, STOP_TIMEOUT, TTL } from '../support/election-bench.js';
import { settled } from '../support/fake-clock.js';
import { outcomeOf } from '../support/lock-manager-bench.js';

describe('the flag', () => {
  it('is off at the first look after the deadline, though no timer has run, and the listeners are told after that look', async () => {
    const bench = new ElectionBench();
    bench.stand();
    await settled();
    expect(bench.told).toEqual(['elected 1 true']);
    bench.clock.block(TTL);
    expect(bench.election.isLeader).toBe(false);
    await settled();
    expect(bench.told.slice(0, 2)).toEqual(['elected 1 true', 'demoted 1 false true']);
  });

  it('is off when the wall clock was set ahead past the deadline, and does not last longer when it was set back', async () => {
    const ahead = new ElectionBench();
    await ahead.lead();
    ahead.clock.stepWall(TTL);
    expect(ahead.election.isLeader).toBe(false);
    const back = new ElectionBench();
    const { signal } = await back.lead();
    back.clock.stepWall(-60_000);
    back.clock.block(TTL - 20);
    expect(back.election.isLeader).toBe(true);
    back.clock.block(20);
    expect(signal.aborted).toBe(true);
    expect(back.election.isLeader).toBe(false);
  });

  it('stays on while the lease is renewed', async () => {
    const bench = new ElectionBench();
    const { signal } = await bench.lead();
    await bench.clock.advance(20 * TTL);
    expect([bench.election.isLeader, signal.aborted]).toEqual([true, false]);
  });

  it('is off when work of the leader gives the lease back by hand', async () => {
    const bench = new ElectionBench();
    const { signal } = await bench.lead();
    await bench.elections.leadershipOf('quota')?.run('work', () => currentLease()?.release());
    expect(bench.election.isLeader).toBe(false);
    expect(signal.aborted).toBe(true);
    expect(signal.reason).toBeInstanceOf(LeaseLostError);
  });

  it('is not turned on by a grant that comes after its time, which is given back', async () => {
    const bench = new ElectionBench();
    const late = bench.driver.delay('acquire');
    bench.stand();
    await bench.clock.advance(TTL);
    late.answer();
    await settled();
    expect(bench.told).toEqual(['elected 2 true']);
    expect(bench.driver.count('release')).toBe(1);
  });

  it('is never on when the time is over before the record is written', async () => {
    const bench = new ElectionBench();
    const late = bench.driver.delay('put');
    const elected = outcomeOf(bench.election.campaign());
    await settled();
    expect(bench.election.isLeader).toBe(false);
    bench.clock.block(TTL);
    late.answer();
    await settled();
    expect([bench.election.isLeader, elected.state]).toEqual([false, 'rejected']);
    expect(elected.error).toBeInstanceOf(LeaseLostError);
    expect(await bench.driver.recordsOf('elections')).toEqual([]);
  });
});

describe('a resignation', () => {
  it('gives work as long as the stop timeout; then the lease is renewed no more, and released when the work has ended', async () => {
    const bench = new ElectionBench();
    const { signal } = await bench.lead();
    let finish!: () => void;
    const work = bench.elections.leadershipOf('quota')?.run(
      'work',
      () =>
        new Promise<void>((resolve) => {
          finish = resolve;
        }),
    );
    const resigned = outcomeOf(bench.election.resign());
    expect([bench.election.isLeader, signal.aborted]).toEqual([false, true]);
    await bench.clock.advance(STOP_TIMEOUT - 1);
    expect([resigned.state, bench.driver.holders.size]).toEqual(['pending', 1]);
    await bench.clock.advance(1);
    expect([resigned.value, bench.driver.holders.size]).toEqual([false, 1]);
    const renewals = bench.driver.count('renew');
    await bench.clock.advance(10 * TTL);
    expect(bench.driver.count('renew')).toBe(renewals);
    finish();
    await work;
    await settled();
    expect(bench.driver.holders.size).toBe(0);
  });

  it('that the back end does not confirm is told to who resigned, and the flag is off all the same', async () => {
    const bench = new ElectionBench();
    const { signal } = await bench.lead();
    bench.driver.answer('release', new BackendUnavailableError('away'));
    await expect(bench.election.resign()).rejects.toThrow(BackendUnavailableError);
    expect([bench.election.isLeader, signal.aborted]).toEqual([false, true]);
  });

  it('of a slow back end keeps nobody from being told, nor the next term of this process', async () => {
    const bench = new ElectionBench();
    bench.stand();
    await settled();
    const late = bench.driver.delay('release');
    const resigned = outcomeOf(bench.election.resign());
    await settled();
    expect(bench.told).toEqual(['elected 1 true', 'demoted 1 false true']);
    expect(resigned.state).toBe('pending');
    late.answer();
    await settled();
    expect(bench.told).toEqual(['elected 1 true', 'demoted 1 false true', 'elected 2 true']);
  });
});

it('a campaign that everybody leaves in its last moment elects nobody', async () => {
  const bench = new ElectionBench();
  const late = bench.driver.delay('put');
  const leaving = new AbortController();
  const campaign = outcomeOf(bench.election.campaign({ signal: leaving.signal }));
  await settled();
  leaving.abort(new Error('enough'));
  late.answer();
  await settled();
  expect([campaign.state, bench.election.isLeader]).toEqual(['rejected', false]);
  expect(bench.driver.holders.size).toBe(0);
  expect(await bench.driver.recordsOf('elections')).toEqual([]);
});

it('a resignation takes the record back after a write that is under way', async () => {
  const bench = new ElectionBench();
  await bench.lead();
  const late = bench.driver.delay('put');
  await bench.clock.advance(TTL / 4);
  const resigned = outcomeOf(bench.election.resign());
  await settled();
  late.answer();
  await settled();
  expect(resigned.value).toBe(true);
  expect(await bench.driver.recordsOf('elections')).toEqual([]);
});

describe('the end of a coordinator', () => {
  it('leaves no timer, and nothing in the back end', async () => {
    const bench = new ElectionBench();
    await bench.manager.start();
    bench.stand();
    await settled();
    const steps = bench.election.watch();
    await steps.next();
    const waiting = outcomeOf(steps.next());
    await settled();
    bench.elections.leave();
    expect(bench.election.isLeader).toBe(false);
    await settled();
    await Promise.all([bench.elections.left(), bench.manager.stop(0)]);
    expect(waiting.value).toEqual({ done: true, value: undefined });
    expect(bench.clock.timers).toBe(0);
    expect(bench.driver.holders.size).toBe(0);
    expect(await bench.driver.recordsOf('elections')).toEqual([]);
    expect(bench.told).toEqual(['elected 1 true', 'demoted 1 false true']);
  });

  it('refuses campaigns, and counts what elections hold and wait for', async () => {
    const bench = new ElectionBench();
    await bench.lead();
    expect(bench.elections.usage).toEqual({ held: 1, waiting: 0 });
    bench.elections.leave();
    await expect(bench.election.campaign()).rejects.toThrow(/shutting down and campaigns no more/);
    expect(bench.elections.usage).toEqual({ held: 0, waiting: 0 });
  });
});

it('a campaign that a listener begins at the demotion is refused when the coordinator stops', async () => {
  const bench = new ElectionBench();
  const refused: unknown[] = [];
  const campaignAgain = (): void => {
    bench.election.campaign().catch((error: unknown) => refused.push(error));
  };
  bench.elections.stand('quota', [{ when: 'demoted', label: 'listener', call: campaignAgain }]);
  bench.manager.events.on('leader.demoted', campaignAgain);
  await settled();
  expect(bench.election.isLeader).toBe(true);
  bench.elections.leave();
  const stopped = outcomeOf(Promise.all([bench.elections.left(), bench.manager.stop(STOP_TIMEOUT)]));
  await settled();
  expect(refused.map(String)).toEqual([
    expect.stringContaining('shutting down and campaigns no more'),
    expect.stringContaining('shutting down and campaigns no more'),
  ]);
  expect(bench.election.isLeader).toBe(false);
  expect(stopped.state).toBe('resolved');
  expect(bench.driver.holders.size).toBe(0);
});

it('a campaign of a decorator outlives an outage, and one by hand rejects after one ttl of it', async () => {
  const bench = new ElectionBench();
  bench.driver.outage = new BackendUnavailableError('away');
  bench.stand();
  const byHand = outcomeOf(bench.election.campaign());
  await bench.clock.advance(3 * TTL);
  expect([byHand.state, bench.told]).toEqual(['rejected', []]);
  bench.driver.outage = undefined;
  await bench.clock.advance(2000);
  expect(bench.told).toEqual(['elected 1 true']);
  expect(bench.log.filter((line) => line.includes('campaign failed'))).toEqual([]);
});

it('where waiters are in no order, one that has resigned lets the others look first', async () => {
  const bench = new ElectionBench();
  bench.driver.queue = undefined;
  bench.stand();
  await settled();
  void bench.election.resign();
  await bench.clock.advance(1000);
  expect(bench.told).toEqual(['elected 1 true', 'demoted 1 false true']);
  await bench.clock.advance(200);
  expect(bench.told.length).toBe(3);
});
