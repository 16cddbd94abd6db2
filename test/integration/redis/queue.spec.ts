import { type Ask, enqueue, isOwner, tryAcquire } from '../../support/driver-calls.js';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Grant, QueuedWaiter } from '../../../lib/drivers/driver.js';
import type { RedisDriver } from '../../../lib/drivers/redis/index.js';
import { queueOf, waitersOf } from '../../../lib/drivers/redis/scripts/keys.js';
import { freshName, granted, recordingContext, request } from '../../support/driver-suite.js';
import { eventually } from '../../support/eventually.js';
import { driverOn } from '../../support/redis-drivers.js';
import { type RedisServer, startRedisNodes, stopAllRedis } from '../../support/redis-server.js';

let servers: RedisServer[];
const drivers: RedisDriver[] = [];

afterEach(async () => {
  await Promise.all(drivers.splice(0).map((driver) => driver.stop()));
});
afterAll(stopAllRedis);

async function started(): Promise<RedisDriver> {
  const driver = driverOn(
    servers.map(({ url }) => url),
    recordingContext(),
  );
  drivers.push(driver);
  await driver.start();
  return driver;
}

/** One who waits until it has the lock, or leaves. */
class Contender {
  readonly #place: QueuedWaiter;
  #wake: () => void = () => undefined;
  #woken = false;

  constructor(
    readonly driver: RedisDriver,
    terms: Ask,
  ) {
    this.#place = enqueue(driver, terms, () => {
      this.#woken = true;
      this.#wake();
    });
  }

  async wait(): Promise<Grant> {
    for (;;) {
      this.#woken = false;
      const reply = await this.#place.tryAcquire();
      if (reply.granted) {
        await this.#place.leave();
        return reply.grant;
      }
      const ready = this.#place.ready();
      if (ready) await ready;
      else if (!this.#woken) await this.#nap(reply.retryAfter);
    }
  }

  /** Until it is woken, or until it is time to look. */
  #nap(ms: number | undefined): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      if (ms !== undefined) setTimeout(resolve, ms);
    });
  }

  /** Stands in the queue, and does nothing when it is told. */
  async stand(): Promise<void> {
    expect((await this.#place.tryAcquire()).granted).toBe(false);
    await this.#place.ready();
  }

  async leave(): Promise<void> {
    await this.#place.leave();
  }
}

/** A lease that is granted at its turn is a short one, which a busy machine may outlast: what follows says nothing then. */
const isOver = ({ term }: Grant): boolean =>
  term !== undefined && performance.now() - term.since.monotonic >= term.ms;

/** True when it was too late for the release to say anything. */
async function giveBack(driver: RedisDriver, grant: Grant): Promise<boolean> {
  const released = await driver.locks.release(grant);
  if (isOver(grant)) return true;
  expect(released).toBe(true);
  return false;
}

const keyOf = (name: string): string => `coordination:lock:${name}`;

async function calls(command: string): Promise<number> {
  const counts = await Promise.all(
    servers.map(async (server) => {
      const text = await server.client().info('commandstats');
      return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(text)?.[1] ?? 0);
    }),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

describe.each([
  { nodes: 1, commands: 2 },
  { nodes: 3, commands: 7 },
])('the queue of a lock on $nodes node(s)', ({ nodes, commands }) => {
  beforeAll(async () => {
    servers = await startRedisNodes(nodes);
  });

  it(`costs about ${commands} commands for each lease that is waited for, and one message`, async () => {
    const members = await Promise.all([started(), started(), started()]);
    const name = freshName();
    const one = async (member: RedisDriver, rounds: number): Promise<void> => {
      for (let round = 0; round < rounds; round += 1) {
        const grant = await new Contender(member, request(name)).wait();
        await giveBack(member, grant);
      }
    };
    await Promise.all(members.map((member) => one(member, 5)));
    const before = [(await calls('evalsha')) + (await calls('eval')), await calls('publish')] as const;
    await Promise.all(members.map((member) => one(member, 40)));
    const leases = 3 * 40;
    // Some more: for the refreshments, and for leases that nobody had to wait for.
    expect((await calls('evalsha')) + (await calls('eval')) - before[0]).toBeLessThan(
      1.5 * commands * leases,
    );
    const messages = (await calls('publish')) - before[1];
    expect(messages).toBeLessThan(1.5 * leases);
    expect(messages).toBeGreaterThan(leases / 2);
  });

  it('passes over a process that has died, however many of it wait', async () => {
    const [holder, dead, alive] = [await started(), await started(), await started()];
    const name = freshName();
    const grant = granted(await tryAcquire(holder, request(name)));
    for (let count = 0; count < 20; count += 1) await new Contender(dead, request(name)).stand();
    const waiting = new Contender(alive, request(name)).wait();
    // It says nothing any more, as one that was killed.
    await dead.stop();
    const begin = performance.now();
    await holder.locks.release(grant);
    await alive.locks.release(await waiting);
    // A short grant and a refreshment; the rest is a busy machine.
    expect(performance.now() - begin).toBeLessThan(5000);
  });

  it('is left by who gives up, without a trace', async () => {
    const [holder, other] = [await started(), await started()];
    const name = freshName();
    const grant = granted(await tryAcquire(holder, request(name)));
    const waiters = Array.from({ length: 5 }, () => new Contender(other, request(name)));
    for (const waiter of waiters) await waiter.stand();
    const [client] = servers.slice(0, 1).map((server) => server.client());
    expect(await client?.zcard(queueOf(keyOf(name)))).toBe(5);
    expect(await client?.pttl(queueOf(keyOf(name)))).toBeGreaterThan(0);
    expect(await client?.pttl(waitersOf(keyOf(name)))).toBeGreaterThan(0);
    for (const waiter of waiters) await waiter.leave();
    expect(await client?.exists(queueOf(keyOf(name)))).toBe(0);
    expect(await holder.locks.release(grant)).toBe(true);
    for (const server of servers) expect(await server.client().exists(keyOf(name))).toBe(0);
  });

  it('gives back what is granted to who leaves in that moment', async () => {
    const [holder, other] = [await started(), await started()];
    const name = freshName();
    for (let round = 0; round < 20; round += 1) {
      const grant = granted(await tryAcquire(holder, request(name)));
      const waiter = new Contender(other, request(name));
      await waiter.stand();
      await Promise.all([holder.locks.release(grant), waiter.leave()]);
    }
    // Nobody waits: one try is enough.
    await holder.locks.release(
      await eventually(async () => {
        const reply = await tryAcquire(holder, request(name));
        return reply.granted && reply.grant;
      }),
    );
  });

  it('finds a lock that was freed by somebody who knows nothing of queues', async () => {
    const member = await started();
    const name = freshName();
    for (const server of servers) await server.client().set(keyOf(name), 'foreign', 'PX', 60_000);
    const waiting = new Contender(member, request(name)).wait();
    await eventually(async () => (await servers[0]?.client().zcard(queueOf(keyOf(name)))) === 1);
    for (const server of servers) await server.client().del(keyOf(name));
    await member.locks.release(await waiting);
  });

  it('finds a lock whose holder has died, when its ttl is over', async () => {
    const [holder, member] = [await started(), await started()];
    const name = freshName();
    granted(await tryAcquire(holder, request(name, 400)));
    await member.locks.release(await new Contender(member, request(name)).wait());
  });

  it('is lined up for again when the node has lost it', async () => {
    const [holder, member] = [await started(), await started()];
    const name = freshName();
    const grant = granted(await tryAcquire(holder, request(name)));
    const waiting = new Contender(member, request(name)).wait();
    const client = servers[0]?.client();
    await eventually(async () => (await client?.zcard(queueOf(keyOf(name)))) === 1);
    await client?.del(queueOf(keyOf(name)), waitersOf(keyOf(name)));
    await eventually(async () => (await client?.zcard(queueOf(keyOf(name)))) === 1);
    await holder.locks.release(grant);
    await member.locks.release(await waiting);
  });

  it('loses no lease of those who are granted it while others are', async () => {
    const members = await Promise.all([started(), started()]);
    const names = Array.from({ length: 30 }, () => freshName());
    await Promise.all(
      names.flatMap((name) =>
        members.map(async (member) => {
          for (let round = 0; round < 5; round += 1) {
            const grant = await new Contender(member, request(name)).wait();
            const owner = await isOwner(member, grant);
            if (!isOver(grant)) expect(owner).toBe(true);
            await giveBack(member, grant);
          }
        }),
      ),
    );
  });
});

describe('a long line for a lock on one node', () => {
  const WAITERS = 300;

  beforeAll(async () => {
    servers = await startRedisNodes(1);
  });

  /** Many of one process who stand in line for a lock that somebody else has. */
  async function line(member: RedisDriver, name: string, count = WAITERS) {
    const order: number[] = [];
    const late = { count: 0 };
    const contenders = Array.from({ length: count }, () => new Contender(member, request(name)));
    const turns = contenders.map(async (contender, index) => {
      const grant = await contender.wait();
      order.push(index);
      if (await giveBack(member, grant)) late.count += 1;
    });
    const client = servers[0]!.client();
    await eventually(async () => (await client.zcard(queueOf(keyOf(name)))) === count);
    return { order, late, turns, client };
  }

  it('is joined by few commands, and served in the order of arrival', async () => {
    const [holder, member] = [await started(), await started()];
    await eventually(async () => {
      const name = freshName();
      const grant = granted(await tryAcquire(holder, request(name)));
      const before = (await calls('evalsha')) + (await calls('eval'));
      const { order, late, turns } = await line(member, name);
      expect((await calls('evalsha')) + (await calls('eval')) - before).toBeLessThan(WAITERS / 4);
      await holder.locks.release(grant);
      await Promise.all(turns);
      // The one after who was too late is served meanwhile.
      if (late.count > 0) return false;
      expect(order).toEqual(Array.from({ length: WAITERS }, (_, index) => index));
      return true;
    });
  });

  it('costs no more while it waits the longer it is', async () => {
    const [holder, member] = [await started(), await started()];
    const name = freshName();
    const grant = granted(await tryAcquire(holder, request(name)));
    const { turns } = await line(member, name);
    const [scripts, looks] = [await calls('evalsha'), await calls('zscore')];
    await eventually(async () => (await calls('evalsha')) - scripts >= 10);
    // Some are looked at each time, and not all of them.
    expect((await calls('zscore')) - looks).toBeLessThan((10 * WAITERS) / 4);
    await holder.locks.release(grant);
    await Promise.all(turns);
  });

  it('is lined up for again by all when the node has lost it', async () => {
    const [holder, member] = [await started(), await started()];
    const name = freshName();
    const grant = granted(await tryAcquire(holder, request(name)));
    const { turns, client } = await line(member, name);
    await client.del(queueOf(keyOf(name)), waitersOf(keyOf(name)));
    await eventually(async () => (await client.zcard(queueOf(keyOf(name)))) === WAITERS);
    await holder.locks.release(grant);
    await Promise.all(turns);
  });

  it('closes up when some leave from the middle', async () => {
    const [holder, member] = [await started(), await started()];
    const name = freshName();
    const grant = granted(await tryAcquire(holder, request(name)));
    const { turns, client } = await line(member, name, 20);
    const leaving = Array.from({ length: 100 }, () => new Contender(member, request(name)));
    await Promise.all(leaving.map((contender) => contender.stand()));
    const behind = new Contender(holder, request(name)).wait();
    await eventually(async () => (await client.zcard(queueOf(keyOf(name)))) === 121);
    await Promise.all(leaving.map((contender) => contender.leave()));
    expect(await client.zcard(queueOf(keyOf(name)))).toBe(21);
    await holder.locks.release(grant);
    await Promise.all(turns);
    await holder.locks.release(await behind);
  });

  it('is dropped as a whole when its process has died', async () => {
    const [holder, dead, alive] = [await started(), await started(), await started()];
    const name = freshName();
    const grant = granted(await tryAcquire(holder, request(name)));
    await Promise.all(Array.from({ length: WAITERS }, () => new Contender(dead, request(name)).stand()));
    const waiting = new Contender(alive, request(name)).wait();
    await dead.stop();
    const begin = performance.now();
    await holder.locks.release(grant);
    await alive.locks.release(await waiting);
    // A few short grants, and not one for each; the rest is a busy machine.
    expect(performance.now() - begin).toBeLessThan(10_000);
  });
});
