import { afterAll, afterEach, describe, expect, it } from 'vitest';
import type { LockOptions } from '../../../lib/index.js';
import { THOROUGH } from '../../support/thorough.js';
import { BACKENDS, cleanUp, ONE_OF_EACH_KIND } from './backends.js';
import { Replica } from './replica.js';

const TTL = 1000;
/** What clocks may lose between two processes, ms. */
const PRECISION = 50;
/** What a busy machine may add to a figure that is promised, ms. */
const SLACK = 15_000;

describe('when the replica that holds a lock is killed', () => {
  const replicas: Replica[] = [];
  const start = async (url: string): Promise<Replica> => {
    const replica = await Replica.start(url, { COORDINATION_TTL: String(TTL) });
    replicas.push(replica);
    return replica;
  };

  /**
   * How long the lock is kept, ms, from its grant to the next lease: at least and at most, as nobody sees the very moment of the grant.
   * A second holder gets the lock as a waiter, and is killed right then.
   */
  const timeToNext = async (
    url: string,
    options: LockOptions,
    byWaiting: boolean,
  ): Promise<{ atMost: number; atLeast: number }> => {
    const [first, waiter] = await Promise.all([start(url), start(url)]);
    let holder = first;
    let before = Date.now();
    if (byWaiting) {
      holder = await start(url);
      await first.run({ do: 'hold', lock: 'share' });
      holder.process.send({ do: 'hold', lock: 'share', options });
      before = Date.now();
      await first.process.kill('SIGKILL');
      await holder.finished('hold');
    } else await holder.run({ do: 'hold', lock: 'share', options });
    const after = Date.now();
    await holder.process.kill('SIGKILL');
    const { at } = await waiter.run({ do: 'wait', lock: 'share' }).catch(() => waiter.finished('wait'));
    return { atMost: at - before, atLeast: at - after };
  };

  afterEach(async () => {
    await Promise.all(replicas.splice(0).map((replica) => replica.process.kill()));
  });
  afterAll(cleanUp);

  const cases = Object.keys(ONE_OF_EACH_KIND)
    .filter((name) => name.includes('Redis'))
    .flatMap((backend) => [
      ...(THOROUGH ? [{ backend, how: 'that was free', byWaiting: false }] : []),
      { backend, how: 'for which it had waited', byWaiting: true },
    ]);

  it.each(cases)(
    'its lockDelay keeps a lock $how after the ttl, on $backend',
    async ({ backend, byWaiting }) => {
      const time = await timeToNext(await BACKENDS[backend]!(), { lockDelay: '2s' }, byWaiting);
      expect(time.atMost).toBeGreaterThan(TTL + 2000 - PRECISION);
      expect(time.atLeast).toBeLessThan(TTL + 2000 + SLACK);
    },
  );

  it.each(cases)('its minHold keeps a lock $how, on $backend', async ({ backend, byWaiting }) => {
    const time = await timeToNext(await BACKENDS[backend]!(), { minHold: '3s' }, byWaiting);
    expect(time.atMost).toBeGreaterThan(3000 - PRECISION);
    expect(time.atLeast).toBeLessThan(3000 + SLACK);
  });

  it('nothing is kept on a file back end', async () => {
    const url = await BACKENDS['a file back end']!();
    const { atLeast } = await timeToNext(url, { minHold: '60s', lockDelay: '60s' }, false);
    expect(atLeast).toBeLessThan(SLACK);
  });
});
