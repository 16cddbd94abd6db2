import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { CoordinatorService } from '../../../lib/coordinator.service.js';
import { queueOf } from '../../../lib/drivers/redis/scripts/keys.js';
import { freshName } from '../../support/driver-suite.js';
import { eventually } from '../../support/eventually.js';
import { type RedisServer, startRedis, stopAllRedis } from '../../support/redis-server.js';
import { TcpProxy } from '../../support/tcp-proxy.js';

/** Longer than what a waiter is granted at first, ms. */
const STALL = 900;
const coordinators: CoordinatorService[] = [];
const proxies: TcpProxy[] = [];

afterEach(async () => {
  for (const proxy of proxies) proxy.heal();
  await Promise.all(coordinators.splice(0).map((coordinator) => coordinator.stop()));
  await Promise.all(proxies.splice(0).map((proxy) => proxy.stop()));
});
afterAll(stopAllRedis);

async function started(port: number): Promise<CoordinatorService> {
  const backendUrl = `redis://127.0.0.1:${port}?commandTimeout=5000`;
  const coordinator = new CoordinatorService({ backendUrl, ttl: 20_000, stopTimeout: 100 });
  coordinators.push(coordinator);
  await coordinator.start();
  return coordinator;
}

/** Two replicas, of which the second waits for a lock that the first one has. */
async function waiting<T>(server: RedisServer, body: () => Promise<T>) {
  const [holder, waiter] = [await started(server.port), await started(server.port)];
  const name = freshName();
  const key = `coordination:lock:${name}`;
  const lease = await holder.getLock(name).hold();
  const outcome = waiter.getLock(name).using(body);
  await eventually(async () => (await server.client().zcard(queueOf(key))) === 1);
  return { lease, outcome, key };
}

/** Stops answering for so long. */
async function stall(server: RedisServer): Promise<void> {
  server.pause();
  const since = performance.now();
  await eventually(() => performance.now() - since > STALL);
  server.resume();
}

describe('a lock that was waited for, on a Redis node that is slow', () => {
  it('is not lost when the node stalls after the work and comes late to free it', async () => {
    const server = await startRedis();
    let stalled: Promise<void> | undefined;
    const { lease, outcome } = await waiting(server, async () => {
      stalled = stall(server);
      return 'done';
    });
    await lease.release();
    expect(await outcome).toBe('done');
    await stalled;
  });

  it('is renewed at once when the work goes on, and so outlasts a stall', async () => {
    const server = await startRedis();
    const client = server.client();
    const { lease, outcome, key } = await waiting(server, async () => {
      await eventually(async () => (await client.pttl(key)) > 10_000, { every: 0 });
      await stall(server);
      return 'done';
    });
    await lease.release();
    expect(await outcome).toBe('done');
  });

  it('is lost by none of those who wait for it 250 ms away', async () => {
    const server = await startRedis();
    const proxy = await TcpProxy.start(server.port);
    proxies.push(proxy);
    const replicas = [await started(proxy.port), await started(proxy.port), await started(proxy.port)];
    proxy.set('both', { latency: 125 });
    const name = freshName();
    let inside = 0;
    const work = async (): Promise<void> => {
      inside += 1;
      expect(inside).toBe(1);
      const since = performance.now();
      await eventually(() => performance.now() - since > STALL);
      inside -= 1;
    };
    const outcomes = await Promise.allSettled(
      replicas.map((replica) => replica.getLock(name, { fair: true }).using(work)),
    );
    expect(outcomes.filter(({ status }) => status === 'rejected')).toEqual([]);
  });
});
