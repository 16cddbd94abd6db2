import { afterEach, expect, it } from 'vitest';
import { tryAcquire } from '../../support/driver-calls.js';
import { freshName, granted, recordingContext, request, SuiteWaiter } from '../../support/driver-suite.js';
import { beginMove, startCluster } from '../../support/redis-deployments.js';
import { driverOn } from '../../support/redis-drivers.js';
import { stopAllRedis } from '../../support/redis-server.js';

afterEach(stopAllRedis);

it('a place that a hung server was not told of any more is left, also when the slot is half moved', async () => {
  const cluster = await startCluster({
    args: ['cluster-require-full-coverage no', 'cluster-node-timeout 60000'],
  });
  const limits = { commandTimeout: 400, connectTimeout: 5000 };
  const [a, b] = [driverOn(cluster.url), driverOn(cluster.url, recordingContext(), limits)];
  await Promise.all([a.start(), b.start()]);
  try {
    const name = freshName('{moving}');
    granted(await tryAcquire(a, request(name, 60_000)));
    const waiter = new SuiteWaiter(b, name);
    await waiter.enqueue();
    const moving = await beginMove(cluster.masters, 'moving');
    await moving.keys((key) => key.startsWith('coordination:lock:'));
    const admin = moving.from.client();
    // Where a key is missing, the server sends who asks for it on to the other one.
    const queues = () => admin.keys('coordination:queue:*');
    expect(await queues()).toHaveLength(1);
    moving.from.pause();
    await waiter.leave();
    moving.from.resume();
    await expect.poll(queues, { timeout: 10_000 }).toEqual([]);
  } finally {
    await Promise.all([a.stop(), b.stop()]);
  }
});
