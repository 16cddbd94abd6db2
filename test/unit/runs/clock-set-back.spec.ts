import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LOCK_MANAGER } from '../../../lib/lock/index.js';
import { JobRunner } from '../../../lib/run-once/job-runner.js';
import { jobSettings, runOnceOf } from '../../../lib/run-once/definition.js';
import { everyOccasion, jobsOf } from '../../../lib/runs/index.js';
import { RunOnce } from '../../../lib/run-once/index.js';
import { eventually } from '../../support/eventually.js';
import { settled } from '../../support/fake-clock.js';
import { useScratch } from '../../support/file-scratch.js';
import { claimed, JobBench, PERIOD } from '../../support/job-bench.js';

const HOUR = 3_600_000;

const scratch = useScratch();
let bench: JobBench;

// On files, whose clock is that of the machine.
beforeEach(async () => {
  bench = new JobBench(`file://${await scratch.directory()}`);
});

afterEach(() => bench.stop());

describe('a cron job whose machine was ahead, when its clock is set back', () => {
  it('runs its next tick on the replica that ran the last one, and on one that skipped it', async () => {
    for (const skipped of [false, true]) {
      const [a, b] = [await bench.replica('a'), await bench.replica('b')];
      bench.clock.stepWall(2 * HOUR);
      await claimed(await a.job.claim(bench.now())).end('succeeded');
      expect(await b.job.claim(bench.now())).toEqual({ skipped: 'done' });
      bench.clock.stepWall(-2 * HOUR);
      await bench.clock.advance(PERIOD);
      const [first, second] = skipped ? [b, a] : [a, b];
      await claimed(await first.job.claim(bench.now())).end('succeeded');
      expect(await second.job.claim(bench.now())).toEqual({ skipped: 'done' });
      expect(bench.log.of('warn').join('\n')).toContain('it is overwritten');
      await bench.clock.advance(PERIOD);
      await claimed(await second.job.claim(bench.now())).end('succeeded');
    }
  });

  it('asks the back end once for a tick, again, when the record is right', async () => {
    const [a, b] = [await bench.replica('a'), await bench.replica('b')];
    bench.clock.stepWall(2 * HOUR);
    await claimed(await a.job.claim(bench.now())).end('succeeded');
    bench.clock.stepWall(-2 * HOUR);
    await claimed(await b.job.claim(bench.now())).end('succeeded');
    const { records } = a.service[LOCK_MANAGER]!;
    let reads = 0;
    const get = records.get.bind(records);
    records.get = (...key) => {
      reads += 1;
      return get(...key);
    };
    for (let call = 0; call < 3; call += 1)
      expect(await a.job.claim(bench.now())).toEqual({ skipped: 'done' });
    expect(reads).toBe(1);
  });
});

describe('a job with a period, when the clock of the back end is set back', () => {
  const every = () => everyOccasion(10_000, bench.clock.wall());

  it('runs at its next call, and a period after that', async () => {
    const [a, b] = [await bench.replica('a'), await bench.replica('b')];
    await claimed(await a.job.claim(every())).end('succeeded');
    bench.clock.stepWall(-HOUR);
    await bench.clock.advance(10_000);
    await claimed(await b.job.claim(every())).end('succeeded');
    await bench.clock.advance(8000);
    expect(await a.job.claim(every())).toEqual({ skipped: 'done' });
    await bench.clock.advance(2000);
    await claimed(await a.job.claim(every())).end('succeeded');
  });

  it('is not due at once for a moment by which that clock was corrected', async () => {
    const a = await bench.replica('a');
    await claimed(await a.job.claim(every())).end('succeeded');
    bench.clock.stepWall(-500);
    expect(await a.job.claim(every())).toEqual({ skipped: 'done' });
  });

  it('is not put off by a start of its application', async () => {
    const { service } = await bench.replica('a');
    let runs = 0;
    class Cleaner {
      @RunOnce('clean', { every: '10s' })
      async clean(): Promise<void> {
        runs += 1;
      }
    }
    const host = new Cleaner();
    const definition = runOnceOf(Reflect.get(host, 'clean'))!;
    jobsOf(service).of(jobSettings(definition, host));
    const untilRun = async (run: number, ms: number): Promise<void> => {
      const runner = new JobRunner(service, [{ name: 'clean', host, definition, link: undefined }]);
      runner.start();
      await settled();
      await bench.clock.advance(ms);
      await eventually(() => runs === run);
      runner.stop();
    };
    await untilRun(1, 10_000);
    bench.clock.stepWall(-HOUR);
    // Due at once, as nobody knows when the last run was.
    await untilRun(2, 1000);
  });
});
