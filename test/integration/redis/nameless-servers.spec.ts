import { afterAll, describe, expect, it } from 'vitest';
import { freshName, granted, recordingContext, renewed, request } from '../../support/driver-suite.js';
import { tryAcquire } from '../../support/driver-calls.js';
import { beginMove, startCluster } from '../../support/redis-deployments.js';
import { driverOn } from '../../support/redis-drivers.js';
import { stopAllRedis } from '../../support/redis-server.js';
import { redisVersion } from '../../support/redis-version.js';

/** What servers tell as the address of one that has no name. */
describe.skipIf(redisVersion() < 7).each(['hostname', 'unknown-endpoint'])(
  'a Cluster of servers without names (cluster-preferred-endpoint-type %s)',
  (type) => {
    afterAll(stopAllRedis);

    it('grants and keeps the locks of a slot that moves', async () => {
      const cluster = await startCluster({ args: [`cluster-preferred-endpoint-type ${type}`] });
      const context = recordingContext();
      const driver = driverOn(cluster.url, context);
      await driver.start();
      const tag = freshName();
      const [held, free, later] = ['held', 'free', 'later'].map((name) => `{${tag}}:${name}`) as [
        string,
        string,
        string,
      ];
      const grant = granted(await tryAcquire(driver, request(held)));
      const move = await beginMove(cluster.masters, tag);
      await move.keys();
      expect(await renewed(driver, grant, 10_000)).toBe(true);
      await driver.locks.release(granted(await tryAcquire(driver, request(free))));
      await move.end();
      expect(await renewed(driver, grant, 10_000)).toBe(true);
      await driver.locks.release(granted(await tryAcquire(driver, request(later))));
      expect(await driver.locks.release(grant)).toBe(true);
      expect(context.warnings).toEqual([]);
      await driver.stop();
    });
  },
);
