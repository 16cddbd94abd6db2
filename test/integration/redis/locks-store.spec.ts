import { afterAll, describe, expect, it } from 'vitest';
import { CoordinatorService, InvalidOptionsError } from 'nestjs-coordination';
import { CoordinationLockStore } from 'nestjs-coordination/locks-store';
import { describeLocksStore } from '../../support/locks-store-suite.js';
import { RecordedLog } from '../../support/recorded-log.js';
import { startCluster } from '../../support/redis-deployments.js';
import { startRedis, startRedisNodes, stopAllRedis } from '../../support/redis-server.js';
import { THOROUGH } from '../../support/thorough.js';

const KEEPS_EVERY_WRITE = ['appendonly yes', 'appendfsync always'];
const PERSISTENT = { redis: { persistent: true } };

for (const nodes of THOROUGH ? [1, 3] : [3])
  describeLocksStore(
    nodes === 1 ? 'one Redis node' : `${nodes} Redis nodes`,
    {
      begin: async () =>
        (await startRedisNodes(nodes, { args: KEEPS_EVERY_WRITE })).map(({ url }) => url).join(','),
      end: stopAllRedis,
    },
    PERSISTENT,
  );

describeLocksStore('a Redis Cluster', {
  begin: async () => (await startCluster()).url,
  end: stopAllRedis,
});

describe('the store of @nestjs/locks on a Redis node that may forget leases', () => {
  afterAll(stopAllRedis);

  it('refuses a ttl for which all locks would have to wait after a restart, and says what to do', async () => {
    RecordedLog.install();
    const server = await startRedis();
    const coordinator = new CoordinatorService({ backendUrl: server.url });
    await coordinator.start();
    try {
      const store = new CoordinationLockStore(coordinator);
      const refused = await store.acquire('report', 'a', 30 * 86_400_000).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(InvalidOptionsError);
      expect(String(refused)).toMatch(/ttl of "report" is 2592000000 ms.*redis\.persistent/);
      // Nothing was asked for, so other locks are granted as ever.
      expect(await store.acquire('report', 'a', 9000)).toMatchObject({ acquired: true });
      await using lease = await coordinator.getLock('other').hold({ blocking: false });
      lease.assertHeld();
    } finally {
      await coordinator.stop();
    }
  });

  it('takes as long a ttl as redis.maxTtl allows', async () => {
    const server = await startRedis();
    const coordinator = new CoordinatorService({ backendUrl: server.url, redis: { maxTtl: 31_000 } });
    await coordinator.start();
    try {
      const store = new CoordinationLockStore(coordinator);
      expect(await store.acquire('report', 'a', 30_000)).toMatchObject({ acquired: true });
      await expect(store.acquire('other', 'a', 31_000)).rejects.toThrow(/31000 ms at most/);
    } finally {
      await coordinator.stop();
    }
  });
});
