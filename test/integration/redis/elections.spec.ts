import { describeElections } from '../../support/election-suite.js';
import { startRedisNodes, stopAllRedis } from '../../support/redis-server.js';

for (const nodes of [1, 3])
  describeElections(nodes === 1 ? 'one Redis node' : `${nodes} Redis nodes`, {
    begin: async () => (await startRedisNodes(nodes)).map(({ url }) => url).join(','),
    end: stopAllRedis,
  });
