import { startRedisNodes, stopAllRedis } from '../../support/redis-server.js';
import { describeSemaphores } from '../../support/semaphore-suite.js';

for (const nodes of [1, 3])
  describeSemaphores(nodes === 1 ? 'one Redis node' : `${nodes} Redis nodes`, {
    begin: async () => (await startRedisNodes(nodes)).map(({ url }) => url).join(','),
    end: stopAllRedis,
  });
