import { describeInspection } from '../../support/inspection-suite.js';
import { startCluster } from '../../support/redis-deployments.js';
import { startRedisNodes, stopAllRedis } from '../../support/redis-server.js';
import { THOROUGH } from '../../support/thorough.js';

for (const nodes of THOROUGH ? [1, 3] : [3])
  describeInspection(nodes === 1 ? 'one Redis node' : `${nodes} Redis nodes`, {
    begin: async () => (await startRedisNodes(nodes)).map(({ url }) => url).join(','),
    end: stopAllRedis,
  });

if (THOROUGH)
  describeInspection('Redis Cluster', { begin: async () => (await startCluster()).url, end: stopAllRedis });
