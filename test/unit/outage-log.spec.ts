import { expect, it } from 'vitest';
import { CoordinatorLog } from '../../lib/coordinator.log.js';
import type { Driver } from '../../lib/drivers/driver.js';
import { OutageLog } from '../../lib/coordinator.outage-log.js';
import { FakeClock } from '../support/fake-clock.js';
import { RecordedLog } from '../support/recorded-log.js';

const driver = { description: 'redis a' } as Driver;
const down = { state: 'down', cause: new Error('it was closed') } as const;

it('a back end that is back within 100 ms is a warning, and one that is not an error', async () => {
  const log = RecordedLog.install();
  const clock = new FakeClock();
  const outages = new OutageLog(new CoordinatorLog('a1', ''), clock);
  outages.tell(driver, down);
  await clock.advance(60);
  outages.tell(driver, { state: 'up' });
  await clock.advance(1000);
  expect(log.of('error')).toEqual([]);
  expect(log.of('warn')).toEqual(['Back end was away for 60 ms and is up again: redis a: it was closed']);
  outages.tell(driver, down);
  await clock.advance(100);
  expect(log.of('error')).toEqual([expect.stringMatching(/^Back end is down: redis a: it was closed/)]);
  outages.tell(driver, { state: 'up' });
  expect(log.of('log')).toEqual(['Back end is up again: redis a']);
  outages.tell(driver, down);
  outages.end(driver);
  expect(log.of('error')).toHaveLength(2);
  expect(clock.timers).toBe(0);
});
