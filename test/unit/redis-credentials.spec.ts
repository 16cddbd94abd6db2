import { expect, it } from 'vitest';
import { MOST_GIVEN } from '../../lib/drivers/redis/connection/credentials.js';
import { nodePlans } from '../../lib/drivers/redis/connection/index.js';
import type { ConnectionOwner } from '../../lib/drivers/redis/connection/connection.js';
import { parseRedisUrls, REDIS_SCHEMES } from '../../lib/drivers/redis/options/redis-url.js';
import { takeApart } from '../../lib/drivers/backend-url.js';
import { recordingContext } from '../support/driver-suite.js';

const owner: ConnectionOwner = {
  verify: () => Promise.resolve(),
  onUp: () => undefined,
  onDown: () => undefined,
};

it('keeps the passwords of the options, and the latest of those that a function gave', async () => {
  let given = 0;
  const token = (index: number): string => `token-${index}.`;
  const [plan] = nodePlans(
    // No server listens there.
    {
      nodes: parseRedisUrls(
        takeApart('redis://user:of-the-url@127.0.0.1:1', { all: REDIS_SCHEMES, bare: [] }),
      ),
    },
    {
      ttl: 10_000,
      redisOptions: { password: () => token((given += 1)), sentinelPassword: 'of-the-options' },
    },
    recordingContext(),
  );
  if (plan?.topology !== 'single') throw new Error('this is no plan for one server');
  for (let count = 0; count < MOST_GIVEN + 10; count += 1) {
    const connection = plan.subscribe(owner);
    await expect(connection.start()).rejects.toThrow('ECONNREFUSED');
    await connection.stop();
  }
  expect(given).toBeGreaterThan(MOST_GIVEN);
  const latest = Array.from({ length: MOST_GIVEN }, (_, index) => token(given - MOST_GIVEN + 1 + index));
  expect(plan.secrets).toEqual(['of-the-url', 'of-the-options', ...latest]);
});
