import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { inspectJobs, lastRunOf } from '../../../lib/runs/index.js';
import { LOCK_MANAGER } from '../../../lib/lock/index.js';
import { settled } from '../../support/fake-clock.js';
import { claimed, crash, JobBench, PERIOD } from '../../support/job-bench.js';

const rerun = { onCrash: 'rerun' } as const;

let bench: JobBench;

beforeEach(() => {
  bench = new JobBench();
});

afterEach(() => bench.stop());

type Replica = Awaited<ReturnType<JobBench['replica']>>;

/** Its lease is lost, so its signal aborts, and its body ends with that error. */
async function cutShort({ service, job }: Replica) {
  const claim = claimed(await job.claim(bench.now()));
  await service.getLock('job:nightly').break();
  await settled();
  const { lost } = claim.lease;
  expect(lost).toBeDefined();
  await claim.end('failed', lost);
  return claim;
}

describe("a run that is cut short as its lease was lost, with onCrash: 'rerun'", () => {
  it('is run once more by the replica that claims next', async () => {
    const [a, b] = [await bench.replica('a', rerun), await bench.replica('b', rerun)];
    const first = await cutShort(a);
    const second = claimed(await b.job.claim(bench.now()));
    expect(second.run).toMatchObject({ attempt: 2, tick: first.run.tick });
    await second.end('succeeded');
    expect(await a.job.claim(bench.now())).toEqual({ skipped: 'done' });
    expect((await a.latest())?.record).toMatchObject({ state: 'succeeded', attempt: 2, failures: 0 });
  });

  it('is run once more by its own replica at the next tick, before that one', async () => {
    const a = await bench.replica('a', rerun);
    const first = await cutShort(a);
    await bench.clock.advance(PERIOD);
    const again = claimed(await a.job.claim(bench.now()));
    expect(again.run).toMatchObject({ attempt: 2, tick: first.run.tick });
    await again.end('succeeded');
    expect(claimed(await a.job.claim(bench.now())).run.attempt).toBe(1);
  });

  it('is not run a third time', async () => {
    const a = await bench.replica('a', rerun);
    await cutShort(a);
    await cutShort(a);
    expect((await a.latest())?.record).toMatchObject({ state: 'lost', attempt: 2, failures: 2 });
    expect(await a.job.claim(bench.now())).toEqual({ skipped: 'done' });
  });

  it('is told of once: as ended by its runner, and as lost by the replica that finds it', async () => {
    const [a, b] = [await bench.replica('a', rerun), await bench.replica('b', rerun)];
    await cutShort(a);
    expect(a.events()).toEqual(['job.started', 'job.ended']);
    await claimed(await b.job.claim(bench.now())).end('succeeded');
    expect(b.events()).toEqual(['job.lost', 'job.started', 'job.ended']);
  });

  it('counts as lost, and as a failure, until then', async () => {
    const a = await bench.replica('a', rerun);
    await cutShort(a);
    const manager = a.service[LOCK_MANAGER]!;
    expect(await lastRunOf(manager, 'nightly')).toMatchObject({ outcome: 'lost', attempt: 1 });
    expect(await inspectJobs(manager, [])).toMatchObject([
      { running: false, failures: 1, last: { outcome: 'lost' } },
    ]);
  });
});

describe('a run whose lease was lost', () => {
  it("is not run once more with onCrash: 'skip', nor when its body has succeeded", async () => {
    for (const [settings, outcome] of [
      [{}, 'failed'],
      [rerun, 'succeeded'],
    ] as const) {
      const a = await bench.replica('a', settings);
      const claim = claimed(await a.job.claim(bench.now()));
      await a.service.getLock('job:nightly').break();
      await settled();
      await claim.end(outcome, claim.lease.lost);
      expect((await a.latest())?.record).toMatchObject({ state: 'lost', attempt: 1 });
      expect(a.events()).toEqual(['job.started', 'job.ended', 'job.lost']);
      expect(await a.job.claim(bench.now())).toEqual({ skipped: 'done' });
      await bench.clock.advance(PERIOD);
    }
  });

  it('is told of by the replica that has found it alone, where that came first', async () => {
    const [a, b] = [await bench.replica('a'), await bench.replica('b')];
    const old = claimed(await a.job.claim(bench.now()));
    await a.service.getLock('job:nightly').break();
    await bench.clock.advance(PERIOD);
    const next = claimed(await b.job.claim(bench.now()));
    await old.end('failed', new Error('no'));
    expect(a.events()).toEqual(['job.started', 'job.ended']);
    expect(b.events()).toEqual(['job.lost', 'job.started']);
    await next.end('succeeded');
  });

  it('counts as a failure also where its replica was killed and nobody has found it yet', async () => {
    const a = await bench.replica('a');
    await crash(claimed(await a.job.claim(bench.now())));
    expect(await inspectJobs(a.service[LOCK_MANAGER]!, [])).toMatchObject([{ failures: 1 }]);
  });
});
