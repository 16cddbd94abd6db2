import { describeCli } from '../../support/cli-suite.js';
import { startCluster } from '../../support/redis-deployments.js';
import { startRedisNodes, stopAllRedis } from '../../support/redis-server.js';

for (const nodes of [1, 3])
  describeCli(nodes === 1 ? 'one Redis node' : `${nodes} Redis nodes`, {
    begin: async () => (await startRedisNodes(nodes)).map(({ url }) => url).join(','),
    end: stopAllRedis,
  });

describeCli('Redis Cluster', { begin: async () => (await startCluster()).url, end: stopAllRedis });
