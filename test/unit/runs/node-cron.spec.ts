import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCoordinator } from '../../../lib/node-cron/index.js';
import { settled } from '../../support/fake-clock.js';
import { JobBench } from '../../support/job-bench.js';
import { outcomeOf } from '../../support/lock-manager-bench.js';

const LEASE = 30_000;

let bench: JobBench;

beforeEach(() => {
  bench = new JobBench();
});

afterEach(() => bench.stop());

async function gates() {
  const [one, other] = [(await bench.replica('one')).service, (await bench.replica('other')).service];
  return { one, other, here: runCoordinator(one), there: runCoordinator(other) };
}

/** The key of the fire of this moment. */
function fire(): string {
  return `task:${new Date(bench.clock.wall()).toISOString()}`;
}

function warnings(): string[] {
  return bench.log.of('warn').filter((line) => line.startsWith('Job "task"'));
}

describe('a claim that node-cron never says to be over, as its background process died', () => {
  it('fails with one warning when the distributedLease has passed, and the next fire runs', async () => {
    const { one, here, there } = await gates();
    expect(await here.shouldRun(fire(), LEASE)).toBe(true);
    await bench.clock.advance(LEASE - 1000);
    const early = outcomeOf(there.shouldRun(fire(), LEASE));
    await bench.clock.advance(500);
    expect(early.value).toBe(false);
    await bench.clock.advance(500);
    expect(await there.shouldRun(fire(), LEASE)).toBe(true);
    expect(warnings()).toHaveLength(1);
    expect(warnings()[0]).toMatch(/failed after 30000 ms.*has not said within 30000 ms.*distributedLease/);
    await there.onComplete(fire());
    expect(await one.lastRun('task')).toMatchObject({ memberId: 'app:other', outcome: 'succeeded' });
  });

  it.each([undefined, 0, Number.NaN])(
    'has the distributedLease of node-cron where none is told: %s',
    async (ttl) => {
      const { here, there } = await gates();
      // What JavaScript can leave out and the types do not allow.
      expect(await here.shouldRun(fire(), ttl as number)).toBe(true);
      await bench.clock.advance(LEASE - 1000);
      const early = outcomeOf(there.shouldRun(fire(), LEASE));
      await bench.clock.advance(500);
      expect(early.value).toBe(false);
      expect(warnings()).toEqual([]);
      await bench.clock.advance(500);
      expect(warnings()).toHaveLength(1);
    },
  );

  it('fails at the next fire when the timer is late, as after a blocked loop', async () => {
    const { one, here } = await gates();
    expect(await here.shouldRun(fire(), LEASE)).toBe(true);
    bench.clock.block(LEASE + 1000);
    const next = fire();
    expect(await here.shouldRun(next, LEASE)).toBe(true);
    expect(warnings()).toHaveLength(1);
    await here.onComplete(next);
    expect(await one.lastRun('task')).toMatchObject({ outcome: 'succeeded' });
  });

  it('changes nothing when it is said to be over after all', async () => {
    const { one, here } = await gates();
    const first = fire();
    expect(await here.shouldRun(first, LEASE)).toBe(true);
    await bench.clock.advance(LEASE);
    await here.onComplete(first);
    expect(await one.lastRun('task')).toMatchObject({ outcome: 'failed' });
  });

  it('leaves no timer when it is over in time, or its coordinator stops', async () => {
    const { one, here } = await gates();
    const before = bench.clock.timers;
    const first = fire();
    expect(await here.shouldRun(first, LEASE)).toBe(true);
    await here.onComplete(first);
    await settled();
    expect(bench.clock.timers).toBe(before);
    await bench.clock.advance(1000);
    expect(await here.shouldRun(fire(), LEASE)).toBe(true);
    const stopped = one.stop();
    await bench.clock.advance(2 * LEASE);
    await stopped;
    expect(warnings()).toEqual([]);
  });
});

describe('a claim that is ready when the background process of node-cron has given up', () => {
  it('is refused and given back, and the next fire runs', async () => {
    const { one, other, here } = await gates();
    const taken = await other.getLock('job:task').hold();
    const late = outcomeOf(here.shouldRun(fire(), LEASE));
    await bench.clock.advance(4500);
    await taken.release();
    await bench.clock.advance(500);
    expect(late.value).toBe(false);
    expect(await one.lastRun('task')).toMatchObject({ outcome: 'failed' });
    expect(warnings()).toHaveLength(1);
    expect(warnings()[0]).toContain('node-cron waits');
    const next = fire();
    expect(await here.shouldRun(next, LEASE)).toBe(true);
    await here.onComplete(next);
  });
});
