import { tryAcquire } from '../../support/driver-calls.js';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock, type Clock } from '../../../lib/common/clock.js';
import { freshName, granted, recordingContext, renewed, request } from '../../support/driver-suite.js';
import { eventually } from '../../support/eventually.js';
import { driverOn } from '../../support/redis-drivers.js';
import { startRedis, stopAllRedis } from '../../support/redis-server.js';

/** Long enough that a busy machine does not let it pass between two steps of a test. */
const TTL = 4000;

/** Ours is set back or ahead in all its parts: to us, the clock of the node has jumped the other way. */
function steppedClock(): Clock & { step(ms: number): void } {
  let offset = 0;
  return {
    ...systemClock,
    monotonic: () => systemClock.monotonic() + offset,
    wall: () => systemClock.wall() + offset,
    step: (ms) => void (offset += ms),
  };
}

describe('when the clock of a node jumps', () => {
  afterEach(stopAllRedis);

  async function started() {
    const server = await startRedis();
    const clock = steppedClock();
    const context = { ...recordingContext(), clock };
    const driver = driverOn(server.url, context, { ttl: TTL, commandTimeout: 2000 });
    await driver.start();
    return { server, clock, context, driver };
  }

  it('ahead, its votes count for no new lock until the longest ttl is over, and the log says so', async () => {
    const { clock, context, driver, server } = await started();
    clock.step(-60_000);
    const name = freshName();
    await expect(tryAcquire(driver, request(name, TTL))).rejects.toThrow(
      /its clock (jumped|has jumped) ahead/,
    );
    await expect(tryAcquire(driver, request(name, TTL))).rejects.toThrow(/its clock has jumped ahead/);
    expect(context.warnings).toEqual([
      expect.stringMatching(/its clock jumped ahead by \d+ ms; it takes part in no new lock for 4000 ms/),
    ]);
    await eventually(async () => (await server.client().exists(`coordination:lock:${name}`)) === 0);
    await eventually(async () => {
      const reply = await tryAcquire(driver, request(name, TTL)).catch(() => undefined);
      return reply?.granted;
    });
    await driver.stop();
  });

  it('the renewal that shows it does not count, and the next one does', async () => {
    const { clock, driver } = await started();
    const grant = granted(await tryAcquire(driver, request(freshName(), 60_000)));
    clock.step(-60_000);
    await expect(renewed(driver, grant, 60_000)).rejects.toThrow(
      /its clock jumped ahead by \d+ ms, so its vote/,
    );
    expect(await renewed(driver, grant, 60_000)).toBe(true);
    await driver.stop();
  });

  it('back, only the vote that shows it does not count', async () => {
    const { clock, context, driver } = await started();
    clock.step(60_000);
    const name = freshName();
    await tryAcquire(driver, request(name, TTL)).catch(() => undefined);
    await driver.locks.release(granted(await tryAcquire(driver, request(freshName(), TTL))));
    expect(context.warnings).toEqual([expect.stringMatching(/its clock jumped back by \d+ ms; keep/)]);
    await driver.stop();
  });
});
