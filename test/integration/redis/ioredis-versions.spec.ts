import Redis4 from 'ioredis-4';
import { Redis as Redis5 } from 'ioredis-5';
import { afterAll, describe, expect, it } from 'vitest';
import { CoordinatorService } from 'nestjs-coordination';
import { RecordedLog } from '../../support/recorded-log.js';
import { startRedis, stopAllRedis } from '../../support/redis-server.js';

describe('a ready client of an older ioredis', () => {
  afterAll(stopAllRedis);

  it.each([
    ['4', (port: number) => new Redis4({ host: '127.0.0.1', port, enableOfflineQueue: false })],
    ['5', (port: number) => new Redis5({ host: '127.0.0.1', port, enableOfflineQueue: false })],
  ])('%s is used', async (_version, connect) => {
    RecordedLog.install();
    const { port } = await startRedis();
    const client = connect(port);
    const coordinator = new CoordinatorService({ redis: { clients: client } });
    await coordinator.start();
    expect(
      await coordinator.using('share-7', { fencing: true }, ({ fencingToken }) => fencingToken),
    ).toBeGreaterThan(0);
    await coordinator.stop();
    client.disconnect();
  });
});
