import type { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import { freshName, granted, recordingContext, request } from '../../support/driver-suite.js';
import { eventually } from '../../support/eventually.js';
import { driverOn } from '../../support/redis-drivers.js';
import { startRedis, stopAllRedis } from '../../support/redis-server.js';

async function connections(admin: Redis): Promise<number> {
  return String(await admin.client('LIST'))
    .trim()
    .split('\n').length;
}

describe('the subscriber connection', () => {
  afterEach(stopAllRedis);

  it('is opened by the first watch, and shared by all', async () => {
    const server = await startRedis();
    const admin = server.client();
    const driver = driverOn(server.url);
    await driver.start();
    expect(await connections(admin)).toBe(2);
    const name = freshName();
    const watches = Array.from({ length: 20 }, (_, index) =>
      driver.watch(index % 2 ? name : freshName(), () => undefined),
    );
    await Promise.all(watches.map(({ ready }) => ready));
    expect(await connections(admin)).toBe(3);
    for (const watch of watches) watch.close();
    await eventually(async () => (await admin.pubsub('CHANNELS')).length === 0);
    await driver.stop();
  });

  it('is opened again when it was lost, and wakes the watchers, who may have missed something', async () => {
    const server = await startRedis();
    const admin = server.client();
    const driver = driverOn(server.url);
    await driver.start();
    const name = freshName();
    let rings = 0;
    const watch = driver.watch(name, () => (rings += 1));
    await watch.ready;
    expect(rings).toBe(0);
    await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await eventually(() => rings > 0);
    rings = 0;
    await driver.release(granted(await driver.tryAcquire(request(name))));
    await eventually(() => rings > 0);
    watch.close();
    await driver.stop();
  });

  it('is not needed: a user who may not subscribe is told once, and `ready` settles', async () => {
    const server = await startRedis({ aclUsers: ['app on >x ~* &* +@all -subscribe'] });
    const context = recordingContext();
    const driver = driverOn(`redis://app:x@127.0.0.1:${server.port}`, context);
    await driver.start();
    for (let round = 0; round < 3; round += 1) {
      const watch = driver.watch(freshName(), () => undefined);
      await watch.ready;
      watch.close();
    }
    expect(context.warnings).toHaveLength(1);
    expect(context.warnings[0]).toMatch(/refuses subscriptions.*NOPERM.*subscribe/);
    await driver.stop();
  });
});
