import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { BackendUnavailableError, CoordinatorService, InvalidOptionsError } from 'nestjs-coordination';
import { CoordinationLockStore, type SharedLockStore } from 'nestjs-coordination/locks-store';
import { FakeClock } from '../support/fake-clock.js';
import { RecordedLog } from '../support/recorded-log.js';
import { ScriptedDriver } from '../support/scripted-driver.js';

const TTL = 30_000;
/** A lease that lasts so long is 30 s after the drift of the clocks is taken off. */
const ASKED = 30_307;

describe('CoordinationLockStore', () => {
  let clock: FakeClock;
  let driver: ScriptedDriver;
  let coordinator: CoordinatorService;

  beforeAll(() => RecordedLog.install());
  afterEach(() => coordinator.stop());

  async function storeOn(leasesExpire = true): Promise<CoordinationLockStore> {
    clock = new FakeClock();
    driver = new ScriptedDriver(leasesExpire);
    coordinator = new CoordinatorService(
      { driver: () => driver, prefix: 'app-', stopTimeout: 0 },
      undefined,
      {
        clock,
      },
    );
    await coordinator.start();
    return new CoordinationLockStore(coordinator);
  }

  const callsOf = (operation: string) => driver.calls.filter((call) => call.operation === operation);

  it('makes itself known to the registry that it is given', async () => {
    await storeOn();
    const registered: SharedLockStore[] = [];
    const store = new CoordinationLockStore(coordinator, {
      registerSource: (source) => void registered.push(source),
    });
    expect(registered).toEqual([store]);
  });

  it('asks for a lease within which the deadline of its owner lies, with the prefix and a token', async () => {
    const store = await storeOn();
    await store.acquire('report', 'a', TTL);
    expect(callsOf('acquire')).toMatchObject([{ name: 'app-report', ttl: ASKED, fencing: true }]);
    expect(ASKED - Math.round(ASKED * 0.01) - 2).toBeGreaterThanOrEqual(TTL);
  });

  it('gives a lock back whose answer came after its ttl', async () => {
    const store = await storeOn();
    const late = driver.delay('acquire');
    const acquired = store.acquire('report', 'a', TTL);
    await clock.advance(TTL);
    late.answer();
    expect(await acquired).toEqual({ acquired: false });
    expect(callsOf('release')).toHaveLength(1);
    expect(driver.holders.size).toBe(0);
    expect(await store.acquire('report', 'b', TTL)).toMatchObject({ acquired: true });
  });

  it('takes no lease for renewed whose answer came after the ttl', async () => {
    const store = await storeOn();
    await store.acquire('report', 'a', TTL);
    const late = driver.delay('renew');
    const renewed = store.renew('report', 'a', 1000);
    await clock.advance(1000);
    late.answer();
    expect(await renewed).toBe(false);
    expect(await store.renew('report', 'a', TTL)).toBe(false);
  });

  it('renews what is due in one turn by one call for each ttl', async () => {
    const store = await storeOn();
    const keys = Array.from({ length: 20 }, (_, index) => `job-${index}`);
    for (const key of keys) await store.acquire(key, 'a', TTL);
    const before = callsOf('renew').length;
    const outcomes = await Promise.all([
      ...keys.map((key) => store.renew(key, 'a', TTL)),
      store.renew('job-0', 'a', 1000),
    ]);
    expect(outcomes).toEqual(outcomes.map(() => true));
    const calls = callsOf('renew').slice(before);
    expect(calls.map(({ ttl }) => ttl)).toEqual([ASKED, 1014]);
    expect(calls[0]?.name.split(' ')).toHaveLength(20);
  });

  it('says of a renewal that failed that it is unknown, so that it is repeated', async () => {
    const store = await storeOn();
    await store.acquire('report', 'a', TTL);
    driver.outage = new BackendUnavailableError('gone');
    await expect(store.renew('report', 'a', TTL)).rejects.toThrow('gone');
    driver.outage = undefined;
    expect(await store.renew('report', 'a', TTL)).toBe(true);
  });

  it('says the same of a driver that throws', async () => {
    const store = await storeOn();
    await store.acquire('report', 'a', TTL);
    const renew = driver.locks.renew.bind(driver.locks);
    driver.locks.renew = () => {
      throw new Error('a mistake of the driver');
    };
    await expect(store.renew('report', 'a', TTL)).rejects.toThrow('a mistake of the driver');
    driver.locks.renew = renew;
    expect(await store.renew('report', 'a', TTL)).toBe(true);
  });

  it.each([
    ['that ends by itself', true],
    ['that ends with its process', false],
  ])('ends a lease %s by a timer, when nobody has renewed it', async (_kind, leasesExpire) => {
    const store = await storeOn(leasesExpire);
    await store.acquire('report', 'a', TTL);
    await clock.advance(TTL);
    expect(driver.holders.size).toBe(1);
    expect(await store.renew('report', 'a', TTL)).toBe(true);
    await clock.advance(ASKED - 1);
    expect(driver.holders.size).toBe(1);
    await clock.advance(1);
    expect(driver.holders.size).toBe(0);
    expect(await store.release('report', 'a')).toBe(false);
  });

  it('does not bring a lease back of a process that was stopped until its ttl was over', async () => {
    const store = await storeOn(false);
    await store.acquire('report', 'a', TTL);
    clock.block(ASKED);
    expect(await store.renew('report', 'a', TTL)).toBe(false);
    expect(driver.holders.size).toBe(0);
  });

  it.each([
    ['learns by its renewal', true],
    ['is told', false],
  ])('%s of a lease that was taken away, and leaves the one after it alone', async (_how, leasesExpire) => {
    const store = await storeOn(leasesExpire);
    await store.acquire('report', 'a', TTL);
    await driver.break('app-report');
    expect(await store.renew('report', 'a', TTL)).toBe(false);
    expect(await store.acquire('report', 'b', TTL)).toMatchObject({ acquired: true });
    expect(await store.release('report', 'a')).toBe(false);
    expect(await store.release('report', 'b')).toBe(true);
  });

  it('tries again for 100 ms where several have split the nodes among them, and not where somebody has the lock', async () => {
    const store = await storeOn();
    driver.answer('acquire', { granted: false, retryAfter: 5 });
    driver.answer('acquire', { granted: false, retryAfter: 7 });
    const acquired = store.acquire('report', 'a', TTL);
    await clock.advance(12);
    expect(await acquired).toMatchObject({ acquired: true });
    driver.answer('acquire', { granted: false, retryAfter: 5, remaining: 4 });
    expect(await store.acquire('other', 'a', TTL)).toEqual({ acquired: false });
    driver.answer('acquire', { granted: false, retryAfter: 101 });
    expect(await store.acquire('other', 'a', TTL)).toEqual({ acquired: false });
    expect(callsOf('acquire')).toHaveLength(5);
  });

  it('asks for no key or ttl that is none, and not before the start', async () => {
    const store = await storeOn();
    await expect(store.acquire('', 'a', TTL)).rejects.toThrow(InvalidOptionsError);
    for (const ttl of [0, -1, Number.NaN, Infinity])
      await expect(store.acquire('report', 'a', ttl)).rejects.toThrow(/ttl of "report"/);
    expect(driver.calls.filter(({ operation }) => operation === 'acquire')).toEqual([]);
    await coordinator.stop();
    await expect(store.acquire('report', 'a', TTL)).rejects.toThrow(/not started/);
  });
});
