import { breakAnswered } from '../../support/break-answered.js';
import { breakLock, isOwner, tryAcquire } from '../../support/driver-calls.js';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LockFile } from '../../../lib/drivers/file/kernel/lock-file.js';
import { loadNativeLock } from '../../../lib/drivers/file/kernel/native-lock.js';
import { StateDirectory } from '../../../lib/drivers/file/directory/state-directory.js';
import { eventually } from '../../support/eventually.js';
import { granted, request } from '../../support/driver-suite.js';
import { useScratch } from '../../support/file-scratch.js';
import { acquireWaiting, waitAt } from '../../support/file-waiting.js';

describe('several processes on one directory', () => {
  const scratch = useScratch();

  it('exclude each other', async () => {
    const directory = await scratch.directory();
    const [one, two] = await Promise.all([scratch.process(directory), scratch.process(directory)]);
    expect(await one.try('a')).toBe(true);
    expect(await two.try('a')).toBe(false);
    expect(await two.try('b')).toBe(true);
    await one.release('a');
    expect(await two.try('a')).toBe(true);
  });

  it('hand a lock from one to the next without waiting for the net of 250 ms', async () => {
    const directory = await scratch.directory();
    const [one, two] = await Promise.all([scratch.process(directory), scratch.process(directory)]);
    expect(await one.try('relay')).toBe(true);
    let [holder, waiter] = [one, two];
    const took: number[] = [];
    for (let round = 0; round < 30; round += 1) {
      const next = waiter.wait('relay');
      const freed = await holder.release('relay');
      expect(freed).toBeDefined();
      took.push(Number((await next) - freed!) / 1e6);
      [holder, waiter] = [waiter, holder];
    }
    const median = took.toSorted((a, b) => a - b)[15];
    expect(median).toBeLessThan(100);
  });

  it('serve everybody who waits, one after the other', async () => {
    const directory = await scratch.directory();
    const all = await Promise.all([1, 2, 3, 4].map(() => scratch.process(directory)));
    let inside = 0;
    const order: number[] = [];
    await Promise.all(
      all.map(async (process, index) => {
        for (let round = 0; round < 5; round += 1) {
          await process.wait('busy');
          inside += 1;
          expect(inside).toBe(1);
          order.push(index);
          inside -= 1;
          await process.release('busy');
        }
      }),
    );
    expect(order).toHaveLength(20);
  });

  it('get the lock of a process that is killed at once, and are woken', async () => {
    const directory = await scratch.directory();
    const holder = await scratch.process(directory);
    expect(await holder.try('k')).toBe(true);
    const driver = await scratch.started(directory);
    const waiting = acquireWaiting(driver, 'k');
    await holder.process.kill('SIGKILL');
    const grant = await waiting;
    expect(await isOwner(driver, grant)).toBe(true);
    await driver.locks.release(grant);
  });

  it('do not get the lock of a process that is stopped, until it goes on and frees it', async () => {
    const directory = await scratch.directory();
    const holder = await scratch.process(directory);
    expect(await holder.try('s')).toBe(true);
    holder.process.freeze();
    const driver = await scratch.started(directory);
    let rings = 0;
    const place = await waitAt(driver, 's', () => (rings += 1));
    // The net comes by, and finds it taken each time.
    for (let seen = 0; seen < 4; seen += 1) {
      await eventually(() => rings > seen);
      expect((await place.tryAcquire()).granted).toBe(false);
    }
    await place.leave();
    holder.process.thaw();
    const waiting = acquireWaiting(driver, 's');
    expect(await holder.release('s')).toBeDefined();
    await driver.locks.release(await waiting);
  });

  it('find the holder that stopped before it wrote down who it is', async () => {
    const directory = await scratch.directory();
    const first = await scratch.process(directory);
    expect(await first.try('x')).toBe(true);
    await first.process.kill();
    const nameless = LockFile.take(new StateDirectory(directory).lock('x'), await loadNativeLock());
    const driver = await scratch.started(directory);
    let rings = 0;
    const place = await waitAt(driver, 'x', () => (rings += 1));
    await eventually(() => rings > 3);
    expect((await place.tryAcquire()).granted).toBe(false);
    nameless?.free();
    await driver.locks.release(granted(await place.tryAcquire()));
    await place.leave();
  });

  it('break the lock of another process, which is told', async () => {
    const directory = await scratch.directory();
    const [holder, other] = await Promise.all([scratch.process(directory), scratch.process(directory)]);
    expect(await holder.try('b')).toBe(true);
    expect(await breakAnswered(() => other.break('b'))).toBe(true);
    const told = await holder.process.receive(
      (message) => typeof message === 'object' && message !== null && 'revoked' in message,
    );
    expect(told).toEqual({ revoked: `the lock was broken on request of process ${other.pid}` });
    expect(await holder.release('b')).toBeUndefined();
    expect(await other.break('b')).toBe(false);
    expect(await other.try('b')).toBe(true);
  });

  it('give up breaking the lock of a stopped process, and name that process', async () => {
    const directory = await scratch.directory();
    const holder = await scratch.process(directory);
    expect(await holder.try('frozen')).toBe(true);
    holder.process.freeze();
    const driver = await scratch.started(directory);
    const before = performance.now();
    await expect(breakLock(driver, 'frozen')).rejects.toThrow(
      `lock "frozen" is held by process ${holder.pid} (member p${holder.pid}) which does not answer`,
    );
    expect(performance.now() - before).toBeLessThan(10_000);
    holder.process.thaw();
    // It finds the request when it goes on, and it is too late for that now: the break was reported as failed.
    expect(await holder.try('something else')).toBe(true);
    expect(await holder.release('frozen')).toBeDefined();
  });

  it.each([true, false])(
    'lose no update of a file with the lock, and some without (locked: %s)',
    async (locked) => {
      const directory = await scratch.directory();
      // Beside it: a directory of locks holds nothing else.
      const file = join(await scratch.directory(), 'number');
      await writeFile(file, '0');
      const [one, two] = await Promise.all([scratch.process(directory), scratch.process(directory)]);
      const what = { name: 'number', file, workers: 4, each: 100, locked };
      await Promise.all([one.count(what), two.count(what)]);
      const total = Number(await readFile(file, 'utf8'));
      if (locked) expect(total).toBe(800);
      else expect(total).toBeLessThan(800);
    },
  );

  it('keep a lease over the stop of the driver, until it is released', async () => {
    const directory = await scratch.directory();
    const holder = await scratch.process(directory);
    const driver = await scratch.started(directory);
    expect(await holder.try('late')).toBe(true);
    await holder.stop();
    expect((await tryAcquire(driver, request('late'))).granted).toBe(false);
    expect(await holder.release('late')).toBeDefined();
    granted(await tryAcquire(driver, request('late')));
  });
});
