import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CoordinatorService } from '../../../lib/coordinator.service.js';
import { BackendUnavailableError } from '../../../lib/errors.js';
import { LOCK_MANAGER } from '../../../lib/lock/index.js';
import { settled } from '../../support/fake-clock.js';
import { claimed, JobBench } from '../../support/job-bench.js';
import { outcomeOf } from '../../support/lock-manager-bench.js';

const TTL = 10_000;

let bench: JobBench;

beforeEach(() => {
  bench = new JobBench();
});

afterEach(() => bench.stop());

/** For so long nothing is stored, ms, though leases are renewed. @returns the times of the tries, ms from now */
function storesNothing(
  service: CoordinatorService,
  ms: number,
  error: Error = new BackendUnavailableError('away'),
) {
  const { records } = service[LOCK_MANAGER]!;
  const put = records.put.bind(records);
  const begin = bench.clock.monotonic();
  const tries: number[] = [];
  records.put = async (record, ttl) => {
    if (record.space !== 'runs' && record.space !== 'once') return put(record, ttl);
    const at = bench.clock.monotonic() - begin;
    tries.push(at);
    if (at < ms) throw error;
    return put(record, ttl);
  };
  return tries;
}

describe('a record of a run that the back end does not take', () => {
  it('is written again with longer pauses, until it is taken', async () => {
    const a = await bench.replica('a');
    const claim = claimed(await a.job.claim(bench.now()));
    const tries = storesNothing(a.service, 3000);
    const ended = claim.end('succeeded');
    await bench.clock.advance(5000);
    await ended;
    expect(tries).toEqual([0, 50, 150, 350, 750, 1550, 2550, 3550]);
    expect((await a.latest())?.record.state).toBe('succeeded');
    expect(bench.log.of('warn')).toEqual([]);
  });

  it('begins its run when it is taken', async () => {
    const a = await bench.replica('a');
    storesNothing(a.service, 1000);
    const claim = a.job.claim(bench.now());
    await bench.clock.advance(2000);
    await claimed(await claim).end('succeeded');
  });

  it('is given up after a ttl', async () => {
    const a = await bench.replica('a');
    const claim = claimed(await a.job.claim(bench.now()));
    const tries = storesNothing(a.service, Infinity);
    const ended = claim.end('succeeded');
    await bench.clock.advance(2 * TTL);
    await ended;
    expect(tries.at(-1)).toBe(TTL);
    expect(bench.log.of('warn').join('\n')).toContain(
      'could not be stored, so other replicas take it for lost',
    );
  });

  it('is given up when the lease is lost, and when the coordinator has stopped', async () => {
    for (const end of [
      (service: CoordinatorService) => service.getLock('job:nightly').break(),
      (service: CoordinatorService) => service.stop(),
    ]) {
      const a = await bench.replica('a');
      const claim = claimed(await a.job.claim({ ...bench.now(), isDone: () => false }));
      const tries = storesNothing(a.service, Infinity);
      const ended = outcomeOf(claim.end('succeeded'));
      await settled();
      void end(a.service);
      await bench.clock.advance(30_000);
      expect(ended.state).toBe('resolved');
      expect(tries.length).toBeLessThan(20);
    }
  });

  it('is not written again when it is wrong', async () => {
    const a = await bench.replica('a');
    const claim = claimed(await a.job.claim(bench.now()));
    const tries = storesNothing(a.service, Infinity, new Error('wrong'));
    await claim.end('succeeded');
    expect(tries).toEqual([0]);
  });
});

it('what is to be done once is done when that is stored late', async () => {
  const a = await bench.replica('a');
  let done = 0;
  const once = () =>
    a.service.once('seed', () => {
      done += 1;
      storesNothing(a.service, 3000);
    });
  const first = outcomeOf(once());
  await bench.clock.advance(5000);
  expect(first.value).toBe(true);
  expect(await once()).toBe(false);
  expect(done).toBe(1);
});
