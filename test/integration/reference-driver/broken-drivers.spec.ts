import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Driver, DriverFactoryContext, LockStore, QueuedWaiter, RecordStore } from 'nestjs-coordination';
import { driverSuite, type DriverTrait } from 'nestjs-coordination/driver-testing';
import { MemoryDriver } from '../../../lib/drivers/memory/memory.driver.js';
import { HttpDriver } from '../../support/reference-driver/http.driver.js';
import { HttpStore } from '../../support/reference-driver/http-store.js';
import { THOROUGH } from '../../support/thorough.js';

const store = new HttpStore();
let url = '';

beforeAll(async () => {
  url = await store.listen();
});

afterAll(() => store.close());

type Changes = Partial<Omit<Driver, 'locks' | 'records'>> & {
  readonly locks?: Partial<LockStore>;
  readonly records?: Partial<RecordStore>;
};

/** A driver that is right but for the changes. */
function changed(driver: Driver, changes: Changes): Driver {
  return {
    description: driver.description,
    traits: driver.traits,
    queue: driver.queue,
    start: () => driver.start(),
    stop: () => driver.stop(),
    ...changes,
    locks: over(driver.locks, changes.locks),
    records: over(driver.records, changes.records),
  };
}

/** Methods of a class do not spread. */
function over<T extends object>(whole: T, changes: Partial<T> = {}): T {
  return new Proxy(whole, {
    get: (target, name) => {
      const value: unknown = Reflect.get(name in changes ? changes : target, name);
      return typeof value === 'function' && !(name in changes) ? value.bind(target) : value;
    },
  });
}

interface Mistake {
  readonly mistake: string;
  readonly breaks: string;
  /** The case waits for half a minute before it gives such a driver up. */
  readonly slow?: true;
  readonly changes: (driver: Driver) => Changes;
}

const LEASE_MISTAKES: readonly Mistake[] = [
  {
    mistake: 'grants a lock that is taken',
    breaks: 'refuses a lock that another member holds',
    changes: ({ locks }) => ({
      locks: { acquire: (claim) => locks.acquire({ ...claim, key: `${claim.key}${Math.random()}` }) },
    }),
  },
  {
    mistake: 'folds case without saying so',
    breaks: 'has one lock for names of one key, and two for names of two',
    changes: ({ locks }) => ({
      locks: { acquire: (claim) => locks.acquire({ ...claim, key: claim.key.toLowerCase() }) },
    }),
  },
  {
    mistake: 'makes keys that differ from call to call',
    breaks: 'says the key of a name without the back end, and always the same',
    changes: () => ({ locks: { keyOf: (name) => `${name}${Math.random()}` } }),
  },
  {
    mistake: 'says of each release that it held the lock',
    breaks: 'releases once, and says so',
    changes: ({ locks }) => ({
      locks: { release: async (...args) => (await locks.release(...args), true) },
    }),
  },
  {
    mistake: 'ignores for how long a lock is to be kept',
    breaks: 'blocks a lock for all for a while after a release that asks for it',
    changes: ({ locks }) => ({ locks: { release: (grant) => locks.release(grant) } }),
  },
  {
    mistake: 'frees a broken lock at once, and tells nobody',
    breaks:
      'breaks a lock of any member: its holder knows before the next one has it, or the lock is blocked for a while',
    changes: ({ locks }) => ({ locks: { revoke: (holder) => locks.release(holder) } }),
  },
  {
    mistake: 'revokes whoever holds the lock now',
    breaks: 'revokes the lease of a holder, and never that of a later one',
    changes: ({ locks }) => ({
      locks: {
        revoke: async ({ name }) => {
          const [holder] = await locks.holders(name);
          return holder ? locks.revoke(holder) : false;
        },
      },
    }),
  },
  {
    mistake: 'counts tokens by the clock of the member',
    breaks: 'tokens grow with every lease of the name, in any process and with any clock',
    changes: ({ locks }) => ({
      locks: {
        acquire: async (claim) => {
          const reply = await locks.acquire(claim);
          if (!reply.granted) return reply;
          return { granted: true, grant: { ...reply.grant, tokens: { first: 7, count: 1 } } };
        },
      },
    }),
  },
  {
    mistake: 'says that it reserved more tokens than it did',
    breaks: 'tokens are reserved in ranges that do not overlap',
    changes: ({ locks }) => ({
      locks: {
        acquire: async (claim) => {
          const reply = await locks.acquire({ ...claim, tokens: Math.min(claim.tokens, 1) });
          if (!reply.granted) return reply;
          const { grant } = reply;
          const tokens = grant.tokens && { ...grant.tokens, count: claim.tokens };
          return { granted: true, grant: { ...grant, tokens } };
        },
      },
    }),
  },
  {
    mistake: 'ends leases early',
    breaks: 'frees a lease at the end of its ttl, and not before',
    changes: ({ locks }) => ({
      locks: { acquire: (claim) => locks.acquire({ ...claim, ttl: claim.ttl / 2 }) },
    }),
  },
  {
    mistake: 'renews by saying so alone',
    breaks: 'renews a lease that is held, which then outlasts its first ttl',
    changes: () => ({ locks: { renew: async (grants) => grants.map(() => ({ kind: 'renewed' })) } }),
  },
  {
    mistake: 'says of lost leases that they were renewed',
    breaks: 'renews several leases at once, and reports the outcome of each',
    changes: ({ locks }) => ({
      locks: {
        renew: async (...args) => (await locks.renew(...args)).map(() => ({ kind: 'renewed' })),
      },
    }),
  },
  {
    mistake: 'lists nothing',
    breaks: 'tells the holder of a lock, and lists it among all',
    changes: () => ({ locks: { list: async () => [] } }),
  },
  {
    mistake: 'stops with an error of its own afterwards',
    breaks: 'answers in bounded time after its stop, and rejects with nothing but BackendUnavailableError',
    changes: ({ locks }) => {
      let stopped = false;
      return {
        stop: async () => void (stopped = true),
        locks: {
          list: () => (stopped ? Promise.reject(new TypeError('the pool is closed')) : locks.list()),
        },
      };
    },
  },
  {
    mistake: 'cannot be stopped twice',
    breaks: 'stops twice without complaint',
    changes: (driver) => {
      let stops = 0;
      return {
        stop: async () => {
          if ((stops += 1) === 2) throw new Error('it has been stopped already');
          await driver.stop();
        },
      };
    },
  },
  {
    mistake: 'does not say that it is up',
    breaks: 'reports the back end as up once it is started',
    changes: () => ({ start: async () => undefined }),
  },
  {
    mistake: 'claims more than the suite was told of',
    breaks: 'has the traits that the suite was told of',
    changes: () => ({ traits: { lifetime: 'process', modes: ['exclusive'], renewBatch: 1 } }),
  },
  {
    mistake: 'tells nobody who watches a lock',
    slow: true,
    breaks: 'tells a watcher that the lock was released, until the watch ends',
    changes: () => ({
      locks: { watch: () => ({ ready: Promise.resolve(), [Symbol.dispose]: () => undefined }) },
    }),
  },
  {
    mistake: 'lets an older record take the place of a newer one',
    breaks: 'the larger version of a record wins, and each writer is told what is there',
    changes: ({ records }) => {
      let version = 0;
      return {
        records: { put: (record, ttl) => records.put({ ...record, version: (version += 1) }, ttl) },
      };
    },
  },
  {
    mistake: 'keeps records for ever',
    slow: true,
    breaks: 'a record that has expired is gone, and any version may follow',
    changes: ({ records }) => ({ records: { put: (record) => records.put(record, 10_000_000) } }),
  },
  {
    mistake: 'has one list for all spaces',
    slow: true,
    breaks: 'a list has the records of its space',
    changes: ({ records }) => ({
      records: {
        list: async (space) => [
          ...(await records.list(space)),
          { space: 'other', key: 'other', version: 1, value: '', remaining: 1, at: Date.now() },
        ],
      },
    }),
  },
];

const QUEUE_MISTAKES: readonly Mistake[] = [
  {
    mistake: 'wakes nobody, and gives no place',
    breaks: 'lets no newcomer in before the waiters',
    changes: ({ locks }) => ({ queue: { enqueue: (claim) => placeOf(() => locks.acquire(claim)) } }),
  },
  {
    mistake: 'keeps a place that was left',
    slow: true,
    breaks: 'goes on with the next waiter when one leaves',
    changes: ({ queue }) => ({
      queue: {
        enqueue: (claim, wake) => {
          const place = queue?.enqueue(claim, wake);
          if (!place) throw new Error('there is no queue');
          return placeOf(() => place.tryAcquire());
        },
      },
    }),
  },
  {
    mistake: 'tells no holder that its lock was broken',
    breaks: 'tells a holder whose lock is broken',
    changes: ({ locks }) => ({
      locks: { acquire: (claim) => locks.acquire({ ...claim, onRevoked: () => undefined }) },
    }),
  },
];

function placeOf(tryAcquire: QueuedWaiter['tryAcquire']): QueuedWaiter {
  return { tryAcquire, ready: () => undefined, leave: () => undefined };
}

function runOf(
  { breaks, changes }: Mistake,
  traits: readonly DriverTrait[],
  driverFor: (context: DriverFactoryContext) => Driver,
): Promise<void> {
  const create = (context: DriverFactoryContext): Driver => {
    const driver = driverFor(context);
    return changed(driver, changes(driver));
  };
  const found = driverSuite({ create, traits }).find(({ name }) => name === breaks);
  if (!found) throw new Error(`the suite has no case "${breaks}"`);
  return found.run();
}

/** A starved machine may be too late to see a mistake, so some are looked for again. */
const LOOKS = 5;

async function isFound(...run: Parameters<typeof runOf>): Promise<boolean> {
  for (let look = 1; look <= LOOKS; look += 1) {
    const found = await runOf(...run).then(
      () => false,
      () => true,
    );
    if (found) return true;
  }
  return false;
}

const NO_CHANGES = () => ({});

const isTried = ({ slow }: Mistake): boolean => THOROUGH || !slow;

describe.concurrent('the suite finds a driver that', () => {
  it.each(LEASE_MISTAKES.filter(isTried))('$mistake', { timeout: 300_000 }, async (mistake) => {
    const driverFor = (context: DriverFactoryContext): Driver => new HttpDriver(url, context);
    const traits: DriverTrait[] = ['lease', 'watch'];
    await runOf({ ...mistake, changes: NO_CHANGES }, traits, driverFor);
    expect(await isFound(mistake, traits, driverFor)).toBe(true);
  });

  it.each(QUEUE_MISTAKES.filter(isTried))('$mistake', { timeout: 300_000 }, async (mistake) => {
    const driverFor = (context: DriverFactoryContext): Driver => new MemoryDriver('broken', context);
    const traits: DriverTrait[] = ['process', 'queue'];
    await runOf({ ...mistake, changes: NO_CHANGES }, traits, driverFor);
    expect(await isFound(mistake, traits, driverFor)).toBe(true);
  });
});

it('the suite has to be told how leases end, and has the cases of no other trait', () => {
  const create = (context: DriverFactoryContext): Driver => new HttpDriver(url, context);
  const parts = (...traits: DriverTrait[]) => [
    ...new Set(driverSuite({ create, traits }).map(({ part }) => part)),
  ];
  expect(parts('lease')).toEqual(['mandatory', 'lease']);
  expect(parts('process', 'queue', 'watch')).toEqual(['mandatory', 'process', 'queue', 'watch']);
  for (const traits of [['queue'], ['lease', 'process']] as const)
    expect(() => driverSuite({ create, traits })).toThrow('one of "lease" and "process"');
});
