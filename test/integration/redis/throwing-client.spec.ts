import { enqueue, tryAcquire } from '../../support/driver-calls.js';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { RedisDriver } from '../../../lib/drivers/redis/index.js';
import { BackendUnavailableError } from '../../../lib/errors.js';
import { freshName, granted, recordingContext, request } from '../../support/driver-suite.js';
import { startRedis, stopAllRedis } from '../../support/redis-server.js';

describe('a ready client that throws instead of rejecting', () => {
  afterEach(stopAllRedis);

  it('fails the call at once, and is asked again by the next one', async () => {
    const server = await startRedis();
    const client = server.client();
    const driver = new RedisDriver([client], { ttl: 10_000 }, recordingContext());
    await driver.start();
    const wanted = request(freshName());
    const sending = vi.spyOn(client, 'sendCommand').mockImplementation(() => {
      throw new Error('not while it is patched');
    });
    const place = enqueue(driver, wanted, () => undefined);
    await expect(tryAcquire(driver, wanted)).rejects.toThrow(BackendUnavailableError);
    await expect(place.tryAcquire()).rejects.toThrow('not while it is patched');
    sending.mockRestore();
    const grant = granted(await place.tryAcquire());
    await expect(driver.locks.release(grant)).resolves.toBe(true);
    await driver.stop();
  });
});
