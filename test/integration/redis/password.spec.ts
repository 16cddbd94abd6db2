import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { freshName, granted, recordingContext, request, SuiteWaiter } from '../../support/driver-suite.js';
import { eventually } from '../../support/eventually.js';
import { driverOn } from '../../support/redis-drivers.js';
import { startRedis, stopAllRedis } from '../../support/redis-server.js';

const PASSWORD = 'pa55-that-nobody-may-see';

describe('the password', () => {
  afterEach(stopAllRedis);

  it('is nowhere in the driver, its errors or its warnings', async () => {
    const server = await startRedis({ password: PASSWORD });
    const context = recordingContext();
    const driver = driverOn(server.url, context, { commandTimeout: 1000 });
    const seen: unknown[] = [driver];
    await driver.start();
    const grant = granted(await driver.tryAcquire(request(freshName())));
    const waiter = new SuiteWaiter(driver, grant.name);
    await waiter.lineUp();
    await server.client().config('SET', 'requirepass', 'changed');
    const admin = server.client({ password: 'changed' });
    await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await eventually(() => context.changes.some(({ state }) => state === 'down'));
    seen.push(await driver.release(grant).catch((error: unknown) => error));
    seen.push(await driver.tryAcquire(request(freshName())).catch((error: unknown) => error));
    seen.push(context.warnings, context.changes, driver.description, grant, waiter);
    expect(inspect(seen, { depth: 10, showHidden: true })).not.toContain(PASSWORD);
    expect(JSON.stringify(seen)).not.toContain(PASSWORD);
    await driver.stop();
  });
});
