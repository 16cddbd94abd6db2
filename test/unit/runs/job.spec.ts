import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CoordinatorService } from '../../../lib/coordinator.service.js';
import { BackendUnavailableError } from '../../../lib/errors.js';
import { LOCK_MANAGER } from '../../../lib/lock/index.js';
import {
  Claim,
  everyOccasion,
  idOccasion,
  repeatedOccasion,
  type Skipped,
  tickOccasion,
} from '../../../lib/runs/index.js';
import { type FakeClock, settled } from '../../support/fake-clock.js';
import { claimed, crash, JobBench, PERIOD, tickAt } from '../../support/job-bench.js';
import type { RecordedLog } from '../../support/recorded-log.js';

let bench: JobBench;
let clock: FakeClock;
let log: RecordedLog;

beforeEach(() => {
  bench = new JobBench();
  ({ clock, log } = bench);
});

afterEach(() => bench.stop());

const replica: JobBench['replica'] = (...args) => bench.replica(...args);
const now = () => bench.now();

describe('a tick that comes while a replica has the lock and runs nothing', () => {
  async function lockedByA() {
    const [a, b] = [await replica('a'), await replica('b')];
    const lease = (await a.job.lock(a.service[LOCK_MANAGER]!, false))!;
    const claim = b.job.claim(now());
    // Twice as long as a replica has the lock that only looks.
    await clock.advance(500);
    return { lease, claim, b };
  }

  it('runs when that replica was killed', async () => {
    const { lease, claim } = await lockedByA();
    await lease.finish();
    await claimed(await claim).end('succeeded');
  });

  it('is skipped when its lock is still taken after a ttl', async () => {
    const { lease, claim, b } = await lockedByA();
    expect(b.events()).toEqual([]);
    await clock.advance(10_000);
    expect(await claim).toEqual({ skipped: 'locked' });
    await lease.finish();
  });
});

describe("a run whose replica is killed, with onCrash: 'skip'", () => {
  it('spends its tick; the next tick runs, and says that the run was lost', async () => {
    const [a, b] = [await replica('a'), await replica('b')];
    await crash(claimed(await a.job.claim(now())));
    expect(await b.job.claim(now())).toEqual({ skipped: 'done' });
    await clock.advance(PERIOD);
    const next = claimed(await b.job.claim(now()));
    expect(b.events()).toEqual(['job.skipped', 'job.lost', 'job.started']);
    await next.end('succeeded');
    const { record } = (await a.latest())!;
    expect(record.history).toMatchObject([{ memberId: 'app:a', state: 'lost', attempt: 1 }]);
    expect(log.of('warn').join('\n')).toContain('on member app:a (attempt 1) ended without an outcome');
    expect(log.of('warn').join('\n')).not.toContain('ticks since then');
  });

  it('keeps its lock until its ttl: the line says that ticks in between were skipped', async () => {
    const [a, b] = [await replica('a'), await replica('b')];
    await crash(claimed(await a.job.claim(now())));
    await clock.advance(3 * PERIOD);
    await claimed(await b.job.claim(now())).end('succeeded');
    expect(log.of('warn').join('\n')).toContain('; ticks since then were skipped too');
  });
});

describe("a run whose replica is killed, with onCrash: 'rerun'", () => {
  const rerun = { onCrash: 'rerun' } as const;

  it('is run once more by a replica that waited for it', async () => {
    const [a, b] = [await replica('a', rerun), await replica('b', rerun)];
    const first = claimed(await a.job.claim(now()));
    const waiting = b.job.claim(now());
    await clock.advance(5000);
    await crash(first);
    const second = claimed(await waiting);
    expect(second.run).toMatchObject({ attempt: 2, tick: first.run.tick });
    // And no third time.
    await crash(second);
    expect(await a.job.claim(now())).toEqual({ skipped: 'done' });
  });

  it('is not run once more when it has ended', async () => {
    const [a, b] = [await replica('a', rerun), await replica('b', rerun)];
    const first = claimed(await a.job.claim(now()));
    const waiting = b.job.claim(now());
    await clock.advance(5000);
    await first.end('failed', new Error('no'));
    expect(await waiting).toEqual({ skipped: 'done' });
  });

  it('comes before the tick that finds it', async () => {
    const [a, b] = [await replica('a', rerun), await replica('b', rerun)];
    const first = claimed(await a.job.claim(now()));
    await crash(first);
    await clock.advance(PERIOD);
    const again = claimed(await b.job.claim(now()));
    expect(again.run).toMatchObject({ attempt: 2, tick: first.run.tick });
    await again.end('succeeded');
    expect(claimed(await b.job.claim(now())).run).toMatchObject({ attempt: 1 });
  });

  it('is run once more after a start of all replicas', async () => {
    const a = await replica('a', rerun);
    await crash(claimed(await a.job.claim(now())));
    await clock.advance(1000);
    const b = await replica('b', rerun);
    expect(claimed(await b.job.claim(repeatedOccasion((await b.latest())!))).run.attempt).toBe(2);
  });

  it('makes one call of a replica wait, however long the run takes', async () => {
    const [a, b] = [await replica('a', rerun), await replica('b', rerun)];
    const first = claimed(await a.job.claim(now()));
    const waiting = b.job.claim(now());
    await settled();
    expect(await b.job.claim(now())).toEqual({ skipped: 'locked' });
    await first.end('succeeded');
    await waiting;
  });
});

describe('a tick that comes while the job runs', () => {
  it("is skipped by all with overlap: 'skip'", async () => {
    const [a, b] = [await replica('a'), await replica('b')];
    const first = claimed(await a.job.claim(now()));
    await clock.advance(PERIOD);
    const skipped = [a.job.claim(now()), b.job.claim(now())];
    await clock.advance(250);
    expect(await Promise.all(skipped)).toEqual([{ skipped: 'locked' }, { skipped: 'locked' }]);
    await first.end('succeeded');
  });

  it("runs once after it with overlap: 'buffer-one', as the latest that came", async () => {
    const buffer = { overlap: 'buffer-one' } as const;
    const [a, b] = [await replica('a', buffer), await replica('b', buffer)];
    const first = claimed(await a.job.claim(now()));
    const waiting: Promise<Claim | Skipped>[] = [];
    for (let tick = 0; tick < 3; tick += 1) {
      await clock.advance(PERIOD);
      waiting.push(a.job.claim(now()), b.job.claim(now()));
      await settled();
    }
    const latest = now().tick;
    await first.end('succeeded');
    await settled();
    const claims: Claim[] = [];
    for (const outcome of waiting) void outcome.then((one) => one instanceof Claim && claims.push(one));
    await settled();
    expect(claims.map(({ run }) => run.tick.getTime())).toEqual([latest]);
    await claims[0]!.end('succeeded');
    const outcomes = await Promise.all(waiting);
    expect(outcomes.filter((outcome) => outcome instanceof Claim)).toHaveLength(1);
  });
});

describe('clocks', () => {
  it('a record of the far future is overwritten, with a warning', async () => {
    const a = await replica('a');
    const first = claimed(await a.job.claim(now()));
    await first.end('succeeded');
    const { record } = (await a.latest())!;
    await a.put({ ...record, tick: clock.wall() + 1000 * PERIOD, token: record.token + 1 });
    await clock.advance(PERIOD);
    claimed(await (await replica('b')).job.claim(now()));
    expect(log.of('warn').join('\n')).toContain('it is overwritten');
  });

  it.each(['skip', 'rerun'] as const)(
    'a replica that is ahead leaves the record of the run for which it had to wait (onCrash: %s)',
    async (onCrash) => {
      const [ahead, b, c] = [
        await replica('ahead', { onCrash }),
        await replica('b', { onCrash }),
        await replica('c', { onCrash }),
      ];
      // Both find no record, and B gets the lock.
      const claims = [b.job.claim(now()), ahead.job.claim(tickAt(now().tick + 2 * PERIOD))] as const;
      await claimed(await claims[0]).end('succeeded');
      expect(await claims[1]).toEqual({ skipped: 'clock' });
      expect((await b.latest())?.record).toMatchObject({ tick: now().tick, state: 'succeeded' });
      expect(await c.job.claim(now())).toEqual({ skipped: 'done' });
    },
  );

  it('a replica that is ahead leaves a lost run to one whose clock is right', async () => {
    const rerun = { onCrash: 'rerun' } as const;
    const [ahead, b, c] = [
      await replica('ahead', rerun),
      await replica('b', rerun),
      await replica('c', rerun),
    ];
    const claims = [b.job.claim(now()), ahead.job.claim(tickAt(now().tick + 2 * PERIOD))] as const;
    await crash(claimed(await claims[0]));
    expect(await claims[1]).toEqual({ skipped: 'clock' });
    expect(claimed(await c.job.claim(now())).run).toMatchObject({
      attempt: 2,
      tick: new Date(now().tick),
    });
  });

  it('one that is set back while the start is written takes no record of an earlier run with it', async () => {
    const a = await replica('a');
    await claimed(await a.job.claim(now())).end('succeeded');
    await clock.advance(PERIOD);
    const { records } = a.service[LOCK_MANAGER]!;
    const put = records.put.bind(records);
    records.put = (record, ttl) => {
      records.put = put;
      clock.stepWall(-3_600_000);
      return put(record, ttl);
    };
    const { tick } = now();
    await claimed(await a.job.claim(now())).end('succeeded');
    expect((await a.latest())?.record).toMatchObject({ tick, history: [{ tick: tick - PERIOD }] });
  });
});

describe('a job without ticks', () => {
  it('with a period runs when nearly so much time has passed since its last start, whatever the clocks say', async () => {
    const [a, b] = [await replica('a'), await replica('b', {}, -3_600_000)];
    const every = (skew = 0) => everyOccasion(10_000, clock.wall() + skew);
    const first = claimed(await a.job.claim(every()));
    await clock.advance(4000);
    await first.end('succeeded');
    await clock.advance(4900);
    expect(await b.job.claim(every(-3_600_000))).toEqual({ skipped: 'done' });
    await clock.advance(200);
    claimed(await b.job.claim(every(-3_600_000)));
  });

  it('with an id runs once for it, and again for another', async () => {
    const [a, b] = [await replica('a'), await replica('b')];
    await claimed(await a.job.claim(idOccasion('v1', clock.wall()))).end('succeeded');
    expect(await b.job.claim(idOccasion('v1', clock.wall() + 5))).toEqual({ skipped: 'done' });
    await claimed(await b.job.claim(idOccasion('v2', clock.wall() + 9))).end('succeeded');
  });
});

describe('the record', () => {
  it('keeps as many earlier runs as it is asked to, the last success, and counts failures', async () => {
    const a = await replica('a');
    for (const outcome of ['succeeded', 'failed', 'succeeded', 'failed', 'failed'] as const) {
      await claimed(await a.job.claim(now())).end(
        outcome,
        outcome === 'failed' ? new Error('no') : undefined,
      );
      await clock.advance(PERIOD);
    }
    const { record } = (await a.latest())!;
    expect(record.history.map(({ state }) => state)).toEqual(['failed', 'succeeded']);
    expect(record).toMatchObject({
      state: 'failed',
      failures: 2,
      success: { tick: record.tick - 2 * PERIOD },
    });
  });

  it('of a rolling deployment has the ticks of both schedules', async () => {
    const [a, b] = [await replica('a'), await replica('b')];
    const half = (time: number): number => (Math.floor((time + 30_000) / PERIOD) + 1) * PERIOD - 30_000;
    await claimed(await a.job.claim(now())).end('succeeded');
    await clock.advance(30_000);
    await claimed(await b.job.claim(tickOccasion('at the half', Math.round(clock.wall()), half))).end(
      'succeeded',
    );
    await clock.advance(30_000);
    await claimed(await a.job.claim(now())).end('succeeded');
  });

  it('is not written by a runner that was overtaken', async () => {
    const [a, b] = [await replica('a'), await replica('b')];
    const old = claimed(await a.job.claim(now()));
    await a.service.getLock('job:nightly').break();
    await clock.advance(PERIOD);
    const next = claimed(await b.job.claim(now()));
    await old.end('succeeded');
    expect((await b.latest())?.record).toMatchObject({ memberId: 'app:b', state: 'started' });
    expect(a.events()).toEqual(['job.started', 'job.ended']);
    expect(b.events()).toEqual(['job.lost', 'job.started']);
    await next.end('succeeded');
  });
});

describe('a reply of the back end that is lost', () => {
  /** Before the third write, ms. */
  const PAUSES = 150;

  /** Stores what it is asked to, and says that it did not, so many times. */
  function losingReplies(service: CoordinatorService, times: number): void {
    const { records } = service[LOCK_MANAGER]!;
    const put = records.put.bind(records);
    let left = times;
    records.put = async (record, ttl) => {
      const stored = await put(record, ttl);
      if (record.space === 'members' || left <= 0) return stored;
      left -= 1;
      throw new BackendUnavailableError('no answer');
    };
  }

  it('keeps nobody from running, nor from telling how it ended', async () => {
    const a = await replica('a');
    losingReplies(a.service, 2);
    const claiming = a.job.claim(now());
    await clock.advance(PAUSES);
    const claim = claimed(await claiming);
    losingReplies(a.service, 2);
    const ended = claim.end('succeeded');
    await clock.advance(PAUSES);
    await ended;
    expect((await a.latest())?.record.state).toBe('succeeded');
    expect(log.of('warn')).toEqual([]);
  });

  it('does not make what is to be done once be done twice', async () => {
    const a = await replica('a');
    let done = 0;
    const body = () => {
      done += 1;
      losingReplies(a.service, 2);
    };
    const first = a.service.once('seed', body);
    await clock.advance(PAUSES);
    expect(await first).toBe(true);
    expect(await a.service.once('seed', body)).toBe(false);
    expect(done).toBe(1);
  });
});

describe('a coordinator that stops', () => {
  it('skips quietly', async () => {
    const a = await replica('a');
    await a.service.stop();
    expect(await a.job.claim(now())).toEqual({ skipped: 'stopping' });
    const b = await replica('b');
    b.service.beforeApplicationShutdown();
    expect(await b.job.claim(now())).toEqual({ skipped: 'stopping' });
    expect(log.of('warn')).toEqual([]);
  });
});
