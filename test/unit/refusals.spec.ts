import { beforeEach, describe, expect, it } from 'vitest';
import { BackendUnavailableError, LockAcquireFailedError, LockNameError } from '../../lib/errors.js';
import { Refusals } from '../../lib/synchronized/filters/refusals.js';
import { FakeClock } from '../support/fake-clock.js';
import { RecordedLog } from '../support/recorded-log.js';

let clock: FakeClock;
let log: RecordedLog;
let refusals: Refusals;

beforeEach(() => {
  clock = new FakeClock();
  log = RecordedLog.install();
  refusals = new Refusals(clock);
});

describe('the log of calls that were refused', () => {
  it('has one warning a minute for those that were answered', async () => {
    for (let count = 0; count < 3; count += 1) refusals.tell(new LockAcquireFailedError(`not got ${count}`));
    refusals.tell(new BackendUnavailableError('away'));
    expect(log.of('warn')).toEqual([]);
    await clock.advance(60_000);
    expect(log.of('warn')).toEqual([
      '4 calls were refused in the last minute: 3 × LockAcquireFailedError (423), 1 × BackendUnavailableError (503); the last: not got 2',
    ]);
    await clock.advance(600_000);
    expect(log.of('warn')).toHaveLength(1);
    expect(clock.timers).toBe(0);
  });

  it('has a warning at once for an event, and an error for a mistake', () => {
    refusals.tell(new LockAcquireFailedError('not got'), 'Handlers.extended');
    refusals.tell(new LockNameError('no name'), 'Handlers.extended');
    expect(log.of('warn')).toEqual(['Handlers.extended did not handle an event: not got']);
    expect(log.of('error')[0]).toContain('no name');
  });

  it('has one line for an error that passes several places on its way', async () => {
    const error = new LockAcquireFailedError('not got');
    refusals.tell(error);
    refusals.tell(error, 'Handlers.extended');
    await clock.advance(60_000);
    expect(log.of('warn')).toEqual([
      '1 call was refused in the last minute: 1 × LockAcquireFailedError (423); the last: not got',
    ]);
  });

  it('tells at the end of the application what it has counted, and keeps no timer', () => {
    refusals.tell(new LockAcquireFailedError('not got'));
    refusals.flush();
    refusals.flush();
    expect(log.of('warn')).toHaveLength(1);
    expect(clock.timers).toBe(0);
  });
});
