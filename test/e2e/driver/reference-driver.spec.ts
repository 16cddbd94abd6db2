import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  CoordinationModule,
  CoordinatorService,
  type Driver,
  type DriverFactoryContext,
  InvalidOptionsError,
  LockAcquireFailedError,
  Synchronized,
} from 'nestjs-coordination';
import { boot } from '../../support/boot.js';
import { eventually } from '../../support/eventually.js';
import { HttpDriver } from '../../support/reference-driver/http.driver.js';
import { HttpStore } from '../../support/reference-driver/http-store.js';
import { unlessStarved } from '../replicas/unless-starved.js';

/** A waiter looks at least so often, ms; what a busy machine adds is not the driver's. */
const LOOK = 1000;
const SLACK = 5000;

let running = 0;
let most = 0;

@Injectable()
class Shares {
  runs = 0;

  @Synchronized('extend')
  async extend(): Promise<void> {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setImmediate(resolve));
    this.runs += 1;
    running -= 1;
  }

  @Synchronized('nightly', { blocking: false })
  async nightly(): Promise<string> {
    return 'done';
  }
}

/** Without the hint, so that its waiters only look. */
function withoutWatch(driver: HttpDriver): Driver {
  driver.locks.watch = undefined;
  return driver;
}

const store = new HttpStore();
let url = '';

beforeAll(async () => {
  url = await store.listen();
});

afterAll(() => store.close());

describe.each([
  { kind: 'that tells of releases', tells: true },
  { kind: 'that tells nothing', tells: false },
])('two applications on a driver without a queue $kind', ({ tells }) => {
  let apps: Awaited<ReturnType<typeof boot>>[] = [];
  let one: CoordinatorService;
  let two: CoordinatorService;

  beforeEach(async () => {
    const driver = (context: DriverFactoryContext): Driver => {
      const made = new HttpDriver(url, context);
      return tells ? made : withoutWatch(made);
    };
    apps = await Promise.all(
      ['one', 'two'].map((agentId) =>
        boot([CoordinationModule.forRoot({ driver, agentId, stopTimeout: 0 })], [Shares]),
      ),
    );
    [one, two] = apps.map((app) => app.get(CoordinatorService)) as [CoordinatorService, CoordinatorService];
  });

  afterEach(async () => {
    await Promise.all(apps.map((app) => app.close()));
  });

  it('run a decorated method one after the other', async () => {
    most = 0;
    const shares = apps.map((app) => app.get(Shares));
    await Promise.all(Array.from({ length: 10 }, (_, index) => shares[index % 2]!.extend()));
    expect(shares.map(({ runs }) => runs)).toEqual([5, 5]);
    expect([most, running]).toEqual([1, 0]);
  });

  it('refuse at once what must not wait', async () => {
    await one.using('nightly', async () => {
      await expect(apps[1]!.get(Shares).nightly()).rejects.toBeInstanceOf(LockAcquireFailedError);
    });
    expect(await apps[1]!.get(Shares).nightly()).toBe('done');
  });

  it('wait for a release of each other, for a second more at most', async () => {
    let waiting = 0;
    two.on('lease.waiting', () => (waiting += 1));
    const told = store.told;
    const held = await one.getLock('handed').hold();
    const taking = two.getLock('handed').hold();
    await eventually(() => waiting === 1);
    await held.release();
    const released = performance.now();
    const next = await taking;
    expect(performance.now() - released).toBeLessThan(LOOK + SLACK);
    await next.release();
    if (!tells) expect(store.told).toBe(told);
  });

  it('keep a lock by renewals for longer than its ttl', () =>
    unlessStarved(async () => {
      const name = randomUUID();
      const held = await one.getLock(name, { ttl: 1500 }).hold();
      const end = performance.now() + 2500;
      await eventually(async () => {
        const taken = await two.getLock(name).acquire(false);
        held.assertHeld();
        expect(taken).toBe(false);
        return performance.now() > end;
      });
      expect(await held.release()).toBe(true);
    }));

  it('refuse a fair lock by the name of the driver', async () => {
    const refused = await two
      .getLock('in-order', { fair: true })
      .acquire()
      .catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(InvalidOptionsError);
    expect((refused as Error).message).toBe(
      `Lock "in-order": the option "fair" needs a back end that keeps the order of the waiters, and http ${url} does not; leave "fair" out, or use one of the back ends of this package, which all keep it`,
    );
  });
});

it('a watch wakes a waiter before it would look by itself', async () => {
  const looks: number[] = [];
  const driver = (context: DriverFactoryContext): Driver => {
    const made = new HttpDriver(url, context);
    const locks = { ...made.locks };
    made.locks.acquire = (claim) => {
      if (claim.memberId === 'waiter') looks.push(performance.now());
      return locks.acquire(claim);
    };
    return made;
  };
  const holder = new CoordinatorService({ driver, agentId: 'holder' });
  const waiter = new CoordinatorService({ driver, agentId: 'waiter' });
  await Promise.all([holder.start(), waiter.start()]);
  try {
    const told = store.told;
    // A busy machine may be late with a message.
    await eventually(async () => {
      looks.length = 0;
      const held = await holder.getLock('told').hold();
      const taking = waiter.getLock('told').hold();
      // The second look comes when the watch has begun; the next one is a second away.
      await eventually(() => looks.length >= 2);
      const second = looks.length - 1;
      await held.release();
      await (await taking).release();
      return looks[second + 1]! - looks[second]! < LOOK;
    });
    expect(store.told).toBeGreaterThan(told);
  } finally {
    await Promise.all([holder.stop(), waiter.stop()]);
  }
});
