import { beforeEach, describe, expect, it } from 'vitest';
import { FileHealth } from '../../lib/drivers/file/file-health.js';
import { FakeClock } from '../support/fake-clock.js';

describe('what the log is told of a file back end', () => {
  let clock: FakeClock;
  let told: string[];
  let health: FileHealth;

  beforeEach(() => {
    clock = new FakeClock();
    told = [];
    health = new FileHealth(({ state }) => told.push(state), clock);
    health.stored();
  });

  const fail = (): void => health.unreachable(new Error('EMFILE'));

  it('is that it is up, each time that it goes down, and when it is well again', () => {
    expect(told).toEqual(['up']);
    fail();
    fail();
    expect(told).toEqual(['up', 'down']);
    health.reached();
    health.stored();
    expect(told).toEqual(['up', 'down', 'up']);
    clock.block(60_000);
    fail();
    health.reached();
    expect(told).toEqual(['up', 'down', 'up', 'down', 'up']);
  });

  it('is few lines where every other call fails', () => {
    for (let second = 0; second < 600; second += 1) {
      fail();
      health.stored();
      clock.block(1000);
    }
    expect(told).toEqual(['up', 'down', 'up', 'down']);
    clock.block(59_000);
    health.stored();
    expect(told).toEqual(['up', 'down', 'up', 'down', 'up']);
  });

  it('is at most two lines in a minute where it fails now and then', () => {
    for (let second = 0; second < 3600; second += 1) {
      if (second % 61 === 0) fail();
      health.stored();
      clock.block(1000);
    }
    // The first one tells that it has started.
    expect(told.length).toBeLessThanOrEqual(1 + 2 * 60);
  });

  it('is not that a full disk is well because it can be read', () => {
    health.unwritable(new Error('ENOSPC'));
    health.reached();
    expect(told).toEqual(['up', 'down']);
    health.stored();
    expect(told).toEqual(['up', 'down', 'up']);
  });

  it('is nothing of a start that fails', () => {
    told = [];
    const starting = new FileHealth(({ state }) => told.push(state), clock);
    starting.unreachable(new Error('EIO'));
    expect(told).toEqual([]);
  });
});
