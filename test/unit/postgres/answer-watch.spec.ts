import { beforeEach, describe, expect, it } from 'vitest';
import { AnswerWatch } from '../../../lib/drivers/postgres/connection/answer-watch.js';
import { pgClients } from '../../../lib/drivers/postgres/connection/index.js';
import { Secret } from '../../../lib/drivers/secret.js';
import { FakeClock } from '../../support/fake-clock.js';

const TIMEOUT = 800;

let clock: FakeClock;
let told: number[];
let watch: AnswerWatch;

beforeEach(() => {
  clock = new FakeClock();
  told = [];
  const start = clock.monotonic();
  watch = new AnswerWatch(clock, TIMEOUT, () => {
    told.push(clock.monotonic() - start);
    watch.stop();
  });
});

describe('the watch for the answer to a statement', () => {
  it('tells of a server that is silent for the time-out, and once', async () => {
    watch.begin();
    await clock.advance(TIMEOUT - 1);
    expect(told).toEqual([]);
    await clock.advance(1);
    expect(told).toEqual([TIMEOUT]);
    await clock.advance(10 * TIMEOUT);
    expect(told).toEqual([TIMEOUT]);
  });

  it('counts from the statement that is under way, and not while there is none', async () => {
    watch.begin();
    await clock.advance(TIMEOUT - 50);
    watch.begin();
    await clock.advance(TIMEOUT - 50);
    watch.end();
    await clock.advance(10 * TIMEOUT);
    watch.begin();
    await clock.advance(TIMEOUT - 1);
    expect(told).toEqual([]);
  });

  it('does not count the time in which the process was blocked', async () => {
    let late = 0;
    const setTimer = clock.setTimer.bind(clock);
    // A process that is blocked runs no timer when it is due.
    clock.setTimer = (ms, callback) => {
      const timer = setTimer(ms + late, callback);
      late = 0;
      return timer;
    };
    late = 60_000;
    watch.begin();
    await clock.advance(60_000 + TIMEOUT - 1);
    expect(told).toEqual([]);
    await clock.advance(1);
    expect(told).toEqual([60_000 + TIMEOUT]);
  });

  it('waits for what the socket has got when the time is over', async () => {
    clock.afterInput = (callback) => {
      watch.end();
      callback();
    };
    watch.begin();
    await clock.advance(TIMEOUT);
    clock.afterInput = (callback) => {
      watch.begin();
      callback();
    };
    watch.begin();
    await clock.advance(TIMEOUT);
    expect(told).toEqual([]);
  });

  it('leaves no timer when it is stopped', async () => {
    watch.begin();
    watch.stop();
    await clock.advance(10 * TIMEOUT);
    expect(told).toEqual([]);
  });
});

it.each([
  ['postgres://db/app', {}, 2000],
  [undefined, { connectionString: 'postgres://db/app?query_timeout=8000' }, 8000],
  ['postgres://db/app', { query_timeout: 7000 }, 7000],
  ['postgres://db/app?query_timeout=9000', { query_timeout: 7000 }, 9000],
])('the time-out of %s with %j is %i ms', async (url, pool, timeout) => {
  const { commandTimeout } = await pgClients(
    { url: url === undefined ? undefined : new Secret(url), pool },
    10_000,
  );
  expect(commandTimeout).toBe(timeout);
});
