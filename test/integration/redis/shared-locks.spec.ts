import { startRedisNodes, stopAllRedis } from '../../support/redis-server.js';
import { describeSharedLocks } from '../../support/shared-suite.js';

for (const nodes of [1, 3])
  describeSharedLocks(nodes === 1 ? 'one Redis node' : `${nodes} Redis nodes`, {
    begin: async () => (await startRedisNodes(nodes)).map(({ url }) => url).join(','),
    end: stopAllRedis,
  });
