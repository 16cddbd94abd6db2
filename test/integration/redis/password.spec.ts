import { tryAcquire } from '../../support/driver-calls.js';
import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { freshName, granted, recordingContext, request, SuiteWaiter } from '../../support/driver-suite.js';
import { eventually } from '../../support/eventually.js';
import { driverOn } from '../../support/redis-drivers.js';
import { startRedis, stopAllRedis } from '../../support/redis-server.js';

const PASSWORD = 'pa55-that-nobody-may-see';

describe('the password', () => {
  afterEach(stopAllRedis);

  it('may be a function that is asked at each connect, and so be changed without a restart', async () => {
    const server = await startRedis({ password: PASSWORD });
    const context = recordingContext();
    let password = PASSWORD;
    const driver = driverOn(server.url.replace(/\/\/.*@/, '//old:one@'), context, {
      redisOptions: { username: () => 'default', password: async () => password },
    });
    await driver.start();
    await server.client().config('SET', 'requirepass', 'another-pa55');
    const admin = server.client({ password: 'another-pa55' });
    await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await eventually(() => context.warnings.some((line) => line.includes('WRONGPASS')));
    password = 'another-pa55';
    await eventually(() => context.changes.at(-1)?.state === 'up');
    await driver.locks.release(granted(await tryAcquire(driver, request(freshName()))));
    expect(inspect([driver, context.warnings, context.changes], { depth: 10 })).not.toMatch(/pa55/);
    await driver.stop();
  });

  it.each([
    ['as texts', { username: 'default', password: PASSWORD }],
    ['the user as a text, the password as a function', { username: 'default', password: () => PASSWORD }],
    ['the user as a function, the password as a text', { username: () => 'default', password: PASSWORD }],
  ])('and the user win in the options over those of the URL: %s', async (_how, redisOptions) => {
    const server = await startRedis({ password: PASSWORD });
    const url = server.url.replace(/\/\/.*@/, '//old:one@');
    const driver = driverOn(url, recordingContext(), { redisOptions });
    await driver.start();
    await driver.locks.release(granted(await tryAcquire(driver, request(freshName()))));
    await driver.stop();
  });

  it('of the URL stays where the options give none', async () => {
    const server = await startRedis({ password: PASSWORD });
    for (const none of [undefined, '']) {
      const redisOptions = { username: none, password: none, connectTimeout: 5000 };
      const driver = driverOn(server.url, recordingContext(), { redisOptions });
      await driver.start();
      await driver.stop();
    }
  });

  it.each([
    ['throws', () => Promise.reject(new Error(PASSWORD)), /redis\.options\.password failed/],
    ['gives no text', () => undefined as unknown as string, /redis\.options\.password gave no string/],
    ['never answers', () => new Promise<string>(() => undefined), /gave nothing within 200 ms/],
  ])('fails the start in bounded time when its function %s', async (_what, password, words) => {
    const server = await startRedis();
    const driver = driverOn(server.url, recordingContext(), {
      connectTimeout: 200,
      redisOptions: { password },
    });
    const error: unknown = await driver.start().catch((thrown: unknown) => thrown);
    expect(String(error)).toMatch(words);
    expect(inspect(error, { depth: 10 })).not.toContain(PASSWORD);
    await driver.stop();
  });

  it('is nowhere in the driver, its errors or its warnings', async () => {
    const server = await startRedis({ password: PASSWORD });
    const context = recordingContext();
    const driver = driverOn(server.url, context, { commandTimeout: 1000 });
    const seen: unknown[] = [driver];
    await driver.start();
    const grant = granted(await tryAcquire(driver, request(freshName())));
    const waiter = new SuiteWaiter(driver, grant.name);
    await waiter.enqueue();
    await server.client().config('SET', 'requirepass', 'changed');
    const admin = server.client({ password: 'changed' });
    await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await eventually(() => context.changes.some(({ state }) => state === 'down'));
    seen.push(await driver.locks.release(grant).catch((error: unknown) => error));
    seen.push(await tryAcquire(driver, request(freshName())).catch((error: unknown) => error));
    seen.push(context.warnings, context.changes, driver.description, grant, waiter);
    expect(inspect(seen, { depth: 10, showHidden: true })).not.toContain(PASSWORD);
    expect(JSON.stringify(seen)).not.toContain(PASSWORD);
    await driver.stop();
  });
});
