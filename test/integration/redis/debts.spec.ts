import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Redis } from 'ioredis';
import { Debts } from '../../../lib/drivers/redis/debts.js';
import { RedisDriver } from '../../../lib/drivers/redis/index.js';
import { NODE_RECORD } from '../../../lib/drivers/redis/node-record.js';
import { freshName, granted, recordingContext, request } from '../../support/driver-suite.js';
import { eventually } from '../../support/eventually.js';
import { FakeClock } from '../../support/fake-clock.js';
import { startRedis, stopAllRedis, type RedisServer } from '../../support/redis-server.js';

const COMMAND_TIMEOUT = 1000;

describe('leases that a node may hold although they were given up', () => {
  let server: RedisServer;
  let client: Redis;
  let clock: FakeClock;
  let debts: Debts;

  beforeAll(async () => {
    server = await startRedis();
    client = server.client();
  });

  beforeEach(() => {
    clock = new FakeClock();
    debts = new Debts(clock, COMMAND_TIMEOUT);
  });

  afterAll(stopAllRedis);

  async function held(id: string): Promise<string> {
    const key = freshName();
    await client.set(key, id, 'PX', 60_000);
    return key;
  }

  it('are freed, and again as long as their acquisition may still be on its way', async () => {
    const key = await held('id');
    debts.add(key, 'id');
    await debts.settle(client);
    expect(await client.exists(key)).toBe(0);
    await client.set(key, 'id', 'PX', 60_000);
    await clock.advance(COMMAND_TIMEOUT);
    await eventually(async () => (await client.exists(key)) === 0);
    await eventually(() => clock.timers === 0);
  });

  it('are not freed when somebody else has the lock', async () => {
    const key = await held('another');
    debts.add(key, 'id');
    await debts.settle(client);
    expect(await client.get(key)).toBe('another');
    debts.close();
  });

  it('are nobody’s business after stop, also when they are just being freed', async () => {
    debts.add(await held('id'), 'id');
    await debts.settle(client);
    expect(clock.timers).toBe(1);
    const settling = debts.settle(client);
    debts.close();
    await settling;
    await debts.settle(client);
    expect(clock.timers).toBe(0);
  });

  it('are nobody’s business after a stop that comes while a ready client is probed', async () => {
    const ready = server.client();
    let onProbe = (): void => undefined;
    const keyOf = (name: string): string => {
      onProbe();
      return name;
    };
    const settings = { ttl: 10_000, commandTimeout: COMMAND_TIMEOUT, keyOf };
    const driver = new RedisDriver([ready], settings, recordingContext());
    await driver.start();
    const grant = granted(await driver.tryAcquire(request(freshName(), 60_000)));
    server.pause();
    await expect(driver.release(grant)).rejects.toThrow(/no answer within/);
    // The release may have reached the server, and the debt is to be seen.
    let stopped: Promise<void> | undefined;
    onProbe = () => {
      void ready.multi().set(grant.name, grant.id, 'PX', 60_000).del(NODE_RECORD).exec();
      stopped = driver.stop();
    };
    server.resume();
    await eventually(() => stopped !== undefined);
    // The probe goes on, and what follows on the record is its last step.
    await eventually(async () => (await ready.exists(NODE_RECORD)) === 1);
    for (let round = 0; round < 3; round += 1) expect(await ready.get(grant.name)).toBe(grant.id);
  });
});
