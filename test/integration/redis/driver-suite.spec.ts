import { Cluster, Redis } from 'ioredis';
import { afterAll, describe } from 'vitest';
import type { DriverContext } from '../../../lib/drivers/driver.js';
import { RedisDriver, type RedisClient } from '../../../lib/drivers/redis/index.js';
import { describeDriver } from '../../support/driver-suite.js';
import {
  startCluster,
  startSentinel,
  type ClusterDeployment,
  type SentinelDeployment,
} from '../../support/redis-deployments.js';
import { DOCUMENTED_RIGHTS } from '../../support/redis-acl.js';
import { driverOn } from '../../support/redis-drivers.js';
import { THOROUGH } from '../../support/thorough.js';
import { startRedisNodes, stopAllRedis, type RedisServer } from '../../support/redis-server.js';

/** No server hangs here, and a busy machine may keep one from its answer. */
const PATIENT = { commandTimeout: 5000 };

/** Set-ups that differ from another one in how the driver connects, and in nothing that comes after. */
const describeThoroughly: typeof describeDriver = (name, harness) => {
  if (THOROUGH) describeDriver(name, harness);
};

describe('on real Redis servers,', () => {
  let servers: RedisServer[] = [];
  let sentinel: SentinelDeployment;
  let cluster: ClusterDeployment;
  const clients: RedisClient[] = [];

  afterAll(stopAllRedis);

  const readyDriver = (created: RedisClient[], context: DriverContext): RedisDriver => {
    clients.push(...created);
    // The servers have been in service for long for who puts no prefix before the key of their record.
    return new RedisDriver(created, { ttl: 10_000, quarantine: false }, context);
  };

  const closeClients = async (): Promise<void> => {
    for (const client of clients.splice(0)) client.disconnect();
    await stopAllRedis();
  };

  for (const count of THOROUGH ? [1, 3, 5] : [3]) {
    describeDriver(`redis (${count} nodes)`, {
      traits: ['lease', 'queue', 'shared'],
      setUp: async () => {
        servers = await startRedisNodes(count);
      },
      create: (context) =>
        driverOn(
          servers.map(({ url }) => url),
          context,
          PATIENT,
        ),
      tearDown: stopAllRedis,
    });
  }

  describeThoroughly('redis (TLS)', {
    traits: ['lease', 'queue', 'shared'],
    setUp: async () => {
      servers = await startRedisNodes(3, { tls: true, password: 'sésame' });
    },
    create: (context) => {
      const ca = servers.map(({ tls }) => tls?.cert ?? '');
      return driverOn(
        servers.map(({ url }) => url),
        context,
        { redisOptions: { tls: { ca } } },
      );
    },
    tearDown: stopAllRedis,
  });

  describeDriver('redis (ACL user with few rights)', {
    traits: ['lease', 'queue', 'shared'],
    setUp: async () => {
      servers = await startRedisNodes(1, {
        password: 'of the default user',
        aclUsers: [`app reset on >p%40ss:/w0rd ${DOCUMENTED_RIGHTS}`],
      });
    },
    create: (context) =>
      driverOn(
        `redis://app:${encodeURIComponent('p%40ss:/w0rd')}@127.0.0.1:${servers[0]?.port}`,
        context,
        PATIENT,
      ),
    tearDown: stopAllRedis,
  });

  describeThoroughly('redis (Sentinel)', {
    traits: ['lease', 'queue', 'shared'],
    setUp: async () => {
      sentinel = await startSentinel();
    },
    create: (context) => driverOn(sentinel.url, context),
    tearDown: stopAllRedis,
  });

  describeDriver('redis (Cluster)', {
    traits: ['lease', 'queue', 'shared'],
    setUp: async () => {
      // Nor is it taken for one that has failed.
      cluster = await startCluster({ args: ['cluster-node-timeout 15000'] });
    },
    create: (context) => driverOn(cluster.url, context, PATIENT),
    tearDown: stopAllRedis,
  });

  describeThoroughly('redis (ready clients that put a prefix before each key)', {
    traits: ['lease', 'queue', 'shared'],
    setUp: async () => {
      servers = await startRedisNodes(3);
    },
    create: (context) =>
      readyDriver(
        servers.map(
          ({ port }, index) =>
            new Redis({ port, host: '127.0.0.1', lazyConnect: index > 0, keyPrefix: 'team:' }),
        ),
        context,
      ),
    tearDown: closeClients,
  });

  describeThoroughly('redis (ready Sentinel client)', {
    traits: ['lease', 'queue', 'shared'],
    setUp: async () => {
      sentinel = await startSentinel();
    },
    create: (context) => {
      const sentinels = [{ host: '127.0.0.1', port: sentinel.sentinel.port }];
      return readyDriver([new Redis({ sentinels, name: sentinel.masterName })], context);
    },
    tearDown: closeClients,
  });

  describeThoroughly('redis (ready Cluster client)', {
    traits: ['lease', 'queue', 'shared'],
    setUp: async () => {
      cluster = await startCluster();
    },
    create: (context) =>
      readyDriver([new Cluster(cluster.masters.map(({ port }) => ({ host: '127.0.0.1', port })))], context),
    tearDown: closeClients,
  });
});
