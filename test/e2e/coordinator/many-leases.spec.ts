import type { Redis } from 'ioredis';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CoordinatorService, type Lease, LeaseLostError } from 'nestjs-coordination';
import { eventually } from '../../support/eventually.js';
import { RecordedLog } from '../../support/recorded-log.js';
import { startRedisNodes, stopAllRedis } from '../../support/redis-server.js';

const LEASES = 2000;
const AT_ONCE = 50;

beforeAll(() => {
  RecordedLog.install();
});

describe('many held leases', () => {
  afterEach(stopAllRedis);

  async function calls(client: Redis): Promise<Record<'evalsha' | 'pexpire', number>> {
    const stats = await client.info('commandstats');
    const of = (name: string): number =>
      Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
    return { evalsha: of('evalsha'), pexpire: of('pexpire') };
  }

  it.each([1, 3])('cost few commands on each of %i nodes, and are lost one by one', async (count) => {
    const servers = await startRedisNodes(count);
    const hosts = servers.map(({ port }) => `127.0.0.1:${port}`).join(',');
    const coordinator = new CoordinatorService({
      backendUrl: `redis://${hosts}?commandTimeout=5000`,
      ttl: 30_000,
      heartbeat: 1000,
    });
    await coordinator.start();
    const leases: Lease[] = [];
    const worker = async (): Promise<void> => {
      while (leases.length < LEASES) {
        const index = leases.push(undefined as never) - 1;
        leases[index] = await coordinator.getLock(`lock-${index}`).hold();
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));

    const clients = servers.map((server) => server.client());
    await Promise.all(clients.map((client) => client.config('RESETSTAT')));
    for (const client of clients) {
      // A renewal moves the end of each lease's key, and is one EVALSHA for all that are renewed together.
      const { pexpire, evalsha } = await eventually(async () => {
        const seen = await calls(client);
        return seen.pexpire > 2 * LEASES && seen;
      });
      expect(pexpire / evalsha).toBeGreaterThan(50);
    }

    const [first, second] = leases as [Lease, Lease];
    for (const client of clients) {
      await client.del('coordination:lock:lock-0');
      await client.set('coordination:lock:lock-1', 'other', 'PX', 60_000);
    }
    await eventually(() => first.signal.aborted && second.signal.aborted);
    const reasonOf = ({ signal }: Lease): string => (signal.reason as LeaseLostError).reason;
    expect([reasonOf(first), reasonOf(second)]).toEqual(['broken', 'taken-over']);
    expect(leases.filter(({ signal }) => !signal.aborted).length).toBe(LEASES - 2);
    expect(await clients[0]!.pttl('coordination:lock:lock-7')).toBeGreaterThan(20_000);

    expect((await Promise.all(leases.map((lease) => lease.release()))).filter(Boolean).length).toBe(
      LEASES - 2,
    );
    await coordinator.stop();
  });
});
