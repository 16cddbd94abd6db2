import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { BACKENDS, cleanUp, ONE_OF_EACH_KIND } from './backends.js';
import { Replica } from './replica.js';

const TTL = 3000;
/** What a busy machine may add to a figure that is promised, ms. */
const SLACK = 5000;

describe('when the replica that holds a lock', () => {
  const replicas: Replica[] = [];
  const start = async (url: string): Promise<Replica> => {
    const replica = await Replica.start(url, { COORDINATION_TTL: String(TTL) });
    replicas.push(replica);
    return replica;
  };

  afterEach(async () => {
    await Promise.all(replicas.splice(0).map((replica) => replica.process.kill()));
  });
  afterAll(cleanUp);

  const redisBackends = Object.entries(ONE_OF_EACH_KIND).filter(([name]) => name.includes('Redis'));

  it('is killed, the next waiter runs at once on a file back end', async () => {
    const url = await BACKENDS['a file back end']!();
    const [holder, waiter] = await Promise.all([start(url), start(url)]);
    await holder.run({ do: 'hold', lock: 'share' });
    await waiter.startWaiting('share');
    const killedAt = Date.now();
    await holder.process.kill('SIGKILL');
    const { at } = await waiter.finished('wait');
    expect(at - killedAt).toBeLessThan(SLACK);
  });

  it.each(redisBackends)('is killed, the next waiter runs within the ttl on %s', async (_name, begin) => {
    const url = await begin();
    const [holder, waiter] = await Promise.all([start(url), start(url)]);
    await holder.run({ do: 'hold', lock: 'share' });
    await waiter.startWaiting('share');
    const killedAt = Date.now();
    await holder.process.kill('SIGKILL');
    const { at } = await waiter.finished('wait');
    expect(at - killedAt).toBeLessThan(TTL + SLACK);
  });

  it('is stopped, it keeps a file lock until it is killed', async () => {
    const url = await BACKENDS['a file back end']!();
    const [holder, waiter] = await Promise.all([start(url), start(url)]);
    await holder.run({ do: 'hold', lock: 'share' });
    holder.process.freeze();
    expect(await waiter.run({ do: 'try', lock: 'share', ms: TTL + 500 })).toEqual({ acquired: false });
    await waiter.startWaiting('share');
    const killedAt = Date.now();
    await holder.process.kill('SIGKILL');
    const { at } = await waiter.finished('wait');
    expect(at).toBeGreaterThanOrEqual(killedAt);
  });

  it.each(redisBackends)(
    'is stopped, it loses a lock on %s, and knows when it wakes',
    async (_name, begin) => {
      const url = await begin();
      const [holder, waiter] = await Promise.all([start(url), start(url)]);
      await holder.run({ do: 'hold', lock: 'share' });
      holder.process.freeze();
      const { waited } = await waiter.run({ do: 'wait', lock: 'share' }).catch(() => waiter.finished('wait'));
      expect(waited).toBeLessThan(TTL + SLACK);
      holder.process.thaw();
      const told = await holder.process.receive(
        (message) => typeof message === 'object' && message !== null && 'lost' in message,
      );
      expect(told).toMatchObject({ lost: expect.stringContaining('LeaseLostError') as string });
    },
  );
});
