import { breakLock, isOwner, tryAcquire } from '../../support/driver-calls.js';
import type { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RedisDriver } from '../../../lib/drivers/redis/index.js';
import {
  freshName,
  granted,
  recordingContext,
  renewed,
  request,
  SuiteWaiter,
} from '../../support/driver-suite.js';
import { eventually } from '../../support/eventually.js';
import {
  beginMove,
  type ClusterDeployment,
  type Move,
  startCluster,
} from '../../support/redis-deployments.js';
import { driverOn } from '../../support/redis-drivers.js';
import { stopAllRedis } from '../../support/redis-server.js';

/** One cluster for all, which takes two seconds to start: each test moves a slot of its own. */
let cluster: ClusterDeployment;
let tag: string;
let moved = 0;

/** How far a slot has moved while something is done with its locks. */
const STAGES: Record<string, (move: Move) => unknown> = {
  'is about to move': () => undefined,
  'has moved all its keys': (move) => move.keys(),
  'has moved the key of the lock alone': (move) => move.keys((key) => key.startsWith('coordination:lock:')),
  'has moved all but the key of the lock': (move) =>
    move.keys((key) => !key.startsWith('coordination:lock:')),
};

let drivers: RedisDriver[];
let contexts: ReturnType<typeof recordingContext>[];
let move: () => Promise<Move>;
let admins: Redis[];

beforeAll(async () => {
  cluster = await startCluster();
  admins = cluster.masters.map((server) => server.client());
});

afterAll(stopAllRedis);

beforeEach(() => {
  drivers = [];
  contexts = [];
  moved += 1;
  tag = `moving-${moved}`;
  move = () => beginMove(cluster.masters, tag);
});

afterEach(async () => {
  // Whatever happens to one slot is no outage, of all or of one server.
  expect(contexts.flatMap(({ changes }) => changes.map(({ state }) => state))).toEqual(
    contexts.map(() => 'up'),
  );
  expect(contexts.flatMap(({ warnings }) => warnings)).toEqual([]);
  await Promise.all(drivers.map((driver) => driver.stop()));
});

async function started(): Promise<RedisDriver> {
  const context = recordingContext();
  // Shorter than a slot is on its way.
  const driver = driverOn(cluster.url, context, { commandTimeout: 2000 });
  drivers.push(driver);
  contexts.push(context);
  await driver.start();
  return driver;
}

const fresh = (): string => freshName(`{${tag}}`);

async function holderOf(name: string): Promise<string | null> {
  for (const admin of admins) {
    const holder = await admin
      .multi()
      .call('asking')
      .get(`coordination:lock:${name}`)
      .exec()
      .catch(() => null);
    const value = holder?.at(-1)?.[1];
    if (typeof value === 'string') return value;
  }
  return null;
}

describe.each(Object.entries(STAGES))('while the slot of a lock %s', (_stage, go) => {
  it('the lock is taken by one, and released', async () => {
    const [a, b] = [await started(), await started()];
    const moving = await move();
    await go(moving);
    const name = fresh();
    const grant = granted(await tryAcquire(a, request(name)));
    expect((await tryAcquire(b, request(name))).granted).toBe(false);
    expect(await isOwner(a, grant)).toBe(true);
    expect(await a.locks.release(grant)).toBe(true);
    const next = granted(await tryAcquire(b, request(name)));
    expect(await a.locks.release(grant)).toBe(false);
    await moving.end();
    expect((await tryAcquire(a, request(name))).granted).toBe(false);
    expect(await renewed(b, next, 10_000)).toBe(true);
    expect(await b.locks.release(next)).toBe(true);
  });

  it('a share is free soon after the move, also when it could not be released meanwhile', async () => {
    const [a, b] = [await started(), await started()];
    const name = fresh();
    const share = granted(await tryAcquire(a, { ...request(name, 120_000), mode: 'shared' }));
    const moving = await move();
    await go(moving);
    // What cannot be done with some of the keys of a share is owed.
    await a.locks.release(share).catch(() => undefined);
    await moving.end();
    await eventually(async () => {
      const reply = await tryAcquire(b, request(name));
      return reply.granted && b.locks.release(reply.grant);
    });
  });

  it('leases from before are renewed, released and broken', async () => {
    const [a, b] = [await started(), await started()];
    const names = [fresh(), fresh(), fresh()];
    const [kept, freed, broken] = (await Promise.all(names.map((name) => tryAcquire(a, request(name))))).map(
      granted,
    );
    const moving = await move();
    await go(moving);
    const outcomes = await a.locks.renew([kept!, freed!, broken!], 60_000);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['renewed', 'renewed', 'renewed']);
    expect(await a.locks.release(freed!)).toBe(true);
    granted(await tryAcquire(b, request(freed!.name)));
    expect(await breakLock(b, broken!.name)).toBe(true);
    await moving.end();
    expect(await renewed(a, kept!, 60_000)).toBe(true);
    expect((await tryAcquire(b, request(kept!.name))).granted).toBe(false);
  });

  it('a waiter from before gets the lock when it is released, and leaves nothing behind', async () => {
    const [a, b] = [await started(), await started()];
    const name = fresh();
    const grant = granted(await tryAcquire(a, request(name)));
    const waiter = new SuiteWaiter(b, name);
    await waiter.enqueue();
    const moving = await move();
    await go(moving);
    expect(await a.locks.release(grant)).toBe(true);
    const next = await waiter.turn();
    expect(await isOwner(b, next)).toBe(true);
    await moving.end();
    expect(await b.locks.release(next)).toBe(true);
    // Nobody is left in its queue who would be granted it for a moment.
    granted(await tryAcquire(a, request(name)));
  });

  it('who begins to wait then gets the lock, during the move or after it', async () => {
    const [a, b] = [await started(), await started()];
    const [during, after] = [fresh(), fresh()];
    const grants = (await Promise.all([during, after].map((name) => tryAcquire(a, request(name))))).map(
      granted,
    );
    const moving = await move();
    await go(moving);
    const waiters = [during, after].map((name) => new SuiteWaiter(b, name));
    for (const waiter of waiters) await waiter.enqueue();
    await a.locks.release(grants[0]!);
    await b.locks.release(await waiters[0]!.turn());
    await moving.end();
    await a.locks.release(grants[1]!);
    await b.locks.release(await waiters[1]!.turn());
  });

  it('tokens grow', async () => {
    const [a, b] = [await started(), await started()];
    const name = fresh();
    const ask = { ...request(name), fencing: true };
    let last = 0;
    const grow = async (driver: RedisDriver): Promise<void> => {
      const grant = granted(await tryAcquire(driver, ask));
      expect(grant.tokens?.first).toBeGreaterThan(last);
      last = grant.tokens?.first ?? 0;
      await driver.locks.release(grant);
    };
    await grow(a);
    const moving = await move();
    await go(moving);
    await grow(b);
    await grow(a);
    await moving.end();
    await grow(b);
  });
});

describe('while a slot moves under load', () => {
  it('no other lock waits for it', async () => {
    const [a, b] = [await started(), await started()];
    const held = granted(await tryAcquire(a, request(fresh())));
    const moving = await move();
    const end = performance.now() + 2500;
    let [rounds, slow] = [0, 0];
    while (performance.now() < end) {
      const start = performance.now();
      await b.locks.release(granted(await tryAcquire(b, request(freshName()))));
      rounds += 1;
      if (performance.now() - start > 800) slow += 1;
      await b.locks.release(granted(await tryAcquire(b, request(fresh()))));
    }
    // A lock that waits for the slot would be slow each time, and a busy machine is now and then.
    expect(slow).toBeLessThan(rounds / 2);
    await moving.keys();
    expect(await renewed(a, held, 10_000)).toBe(true);
    await moving.end();
    expect(await renewed(a, held, 10_000)).toBe(true);
    await eventually(async () => (await holderOf(held.name)) === held.id);
  });
});
