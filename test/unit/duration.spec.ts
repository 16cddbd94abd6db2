import { describe, expect, it } from 'vitest';
import { checkBlocking, checkDuration, checkPositive, checkTtl } from '../../lib/common/checks.js';
import { blockingOf, msOf } from '../../lib/common/duration.js';

describe('a duration', () => {
  it.each([
    [250, 250],
    ['250', 250],
    ['250ms', 250],
    ['30s', 30_000],
    ['5m', 300_000],
    ['1.5 hours', 5_400_000],
    ['1d', 86_400_000],
    ['-1s', -1000],
  ])('%j is %d ms', (duration, ms) => {
    expect(msOf(duration)).toBe(ms);
  });

  it.each(['', ' ', 's', '5 parsecs', '1m30s', 'true', `${'0'.repeat(100)}5s`])('is not %j', (text) => {
    expect(msOf(text)).toBeNaN();
  });

  it('is a time to wait, as true and false are', () => {
    expect([true, false, 500, '5s'].map((blocking) => blockingOf(blocking))).toEqual([
      true,
      false,
      500,
      5000,
    ]);
  });
});

describe('the check of a duration', () => {
  it('takes text', () => {
    expect([
      ...checkTtl('a', '30s'),
      ...checkPositive('b', '1s'),
      ...checkDuration('c', '0'),
      ...checkBlocking('d', '5m'),
    ]).toEqual([]);
  });

  it.each([
    [
      checkTtl('ttl', '5 parsecs'),
      "ttl must be a whole number of ms from 10 to 2147483647, got '5 parsecs'; as text write '30s' or '5m'",
    ],
    [
      checkTtl('ttl', '9ms'),
      "ttl must be a whole number of ms from 10 to 2147483647, got '9ms'; as text write '30s' or '5m'",
    ],
    [checkTtl('ttl', '10.5ms'), "got '10.5ms'"],
    [checkTtl('ttl', '30d'), "got '30d'"],
    [checkPositive('heartbeat', '0s'), "heartbeat must be a number of ms above 0, got '0s'"],
    [checkDuration('stopTimeout', '-1s'), "stopTimeout must be a number of ms, 0 or more, got '-1s'"],
    [
      checkBlocking('blocking', 'maybe'),
      "blocking must be true, false or a number of ms, 0 or more, got 'maybe'",
    ],
    [checkBlocking('blocking', 'true'), "got 'true'"],
    [checkDuration('stopTimeout', null), 'stopTimeout must be a number of ms, 0 or more, got null'],
  ])('%j', ([problem], message) => {
    expect(problem).toContain(message);
  });
});
