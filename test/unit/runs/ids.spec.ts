import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { everyOccasion, idOccasion, repeatedOccasion } from '../../../lib/runs/index.js';
import type { JobSettings } from '../../../lib/runs/job.js';
import { claimed, crash, JobBench } from '../../support/job-bench.js';

let bench: JobBench;

beforeEach(() => {
  bench = new JobBench();
});

afterEach(() => bench.stop());

async function releases(settings: Partial<JobSettings> = {}) {
  const [a, b] = [await bench.replica('a', settings), await bench.replica('b', settings)];
  const claim = async ({ job }: typeof a, id: string) => {
    await bench.clock.advance(1000);
    return job.claim(idOccasion(id, bench.clock.wall()));
  };
  const run = async (id: string) => claimed(await claim(a, id)).end('succeeded');
  return { a, b, claim, run };
}

describe('a job that runs once for each id', () => {
  it('does not run again for an id after another one has run', async () => {
    const { a, b, claim, run } = await releases();
    await run('v41');
    await run('v42');
    for (const replica of [a, b])
      for (const id of ['v41', 'v42']) expect(await claim(replica, id)).toEqual({ skipped: 'done' });
  });

  it('remembers the last 20 ids, whatever its history', async () => {
    const { b, claim, run } = await releases({ history: 0 });
    const ids = Array.from({ length: 20 }, (_, index) => `v${index}`);
    for (const id of ids) await run(id);
    for (const id of ids) expect(await claim(b, id)).toEqual({ skipped: 'done' });
  });

  it('keeps a record that does not grow without end', async () => {
    const { a, run } = await releases();
    const sizes: number[] = [];
    for (let release = 100; release < 150; release += 1) {
      await run(`v${release}`);
      sizes.push(JSON.stringify((await a.latest())!.record.ids).length);
    }
    expect(sizes.at(-1)).toBe(sizes.at(-20));
  });

  it('remembers the id of a run that was repeated, and those before', async () => {
    const { a, b, claim, run } = await releases({ onCrash: 'rerun' });
    await run('v41');
    await crash(claimed(await claim(a, 'v42')));
    await claimed(await b.job.claim(repeatedOccasion((await b.latest())!))).end('succeeded');
    await run('v43');
    for (const id of ['v41', 'v42', 'v43']) expect(await claim(b, id)).toEqual({ skipped: 'done' });
  });

  it('remembers its ids while it has a period instead', async () => {
    const { a, b, claim, run } = await releases();
    await run('v41');
    await bench.clock.advance(1000);
    await claimed(await a.job.claim(everyOccasion(1000, bench.clock.wall()))).end('succeeded');
    expect(await claim(b, 'v41')).toEqual({ skipped: 'done' });
  });

  it('reads a record of a version that did not remember ids', async () => {
    const { a, b, claim, run } = await releases();
    await run('v41');
    const { ids, ...old } = (await a.latest())!.record;
    expect(ids).toEqual(['v41']);
    await a.put({ ...old, token: old.token + 1 });
    expect(await claim(b, 'v41')).toEqual({ skipped: 'done' });
    await run('v42');
    expect(await claim(b, 'v41')).toEqual({ skipped: 'done' });
  });
});
