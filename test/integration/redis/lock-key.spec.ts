import { afterAll, describe, expect, it } from 'vitest';
import { CoordinatorService } from 'nestjs-coordination';
import { startRedis, stopAllRedis } from '../../support/redis-server.js';

afterAll(stopAllRedis);

describe('a lockKey of the application’s', () => {
  it.each([
    ['nothing', undefined],
    ['a number', 7],
    ['an empty text', ''],
  ])('that returns %s is an error, and no call waits for it', async (_what, key) => {
    const { url } = await startRedis();
    const lockKey = ((name: string) => (name === 'share' ? key : name)) as (name: string) => string;
    const coordinator = new CoordinatorService({ backendUrl: url, lockKey });
    await coordinator.start();
    for (const blocking of [false, 100, true])
      await expect(coordinator.getLock('share').acquire(blocking)).rejects.toThrow(
        `Lock "share": lockKey must return the key, a text that is not empty, and returned ${key === '' ? "''" : key}`,
      );
    await coordinator.stop();
  });

  it('that never returns a key is told of at the start', async () => {
    const { url } = await startRedis();
    const lockKey = (() => undefined) as unknown as () => string;
    const coordinator = new CoordinatorService({ backendUrl: url, lockKey });
    await expect(coordinator.start()).rejects.toThrow('lockKey must return the key');
  });
});
