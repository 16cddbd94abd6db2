import { fencedRequest, tokenOf, tryAcquire } from '../../support/driver-calls.js';
import { existsSync, utimesSync } from 'node:fs';
import { mkdir, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../lib/common/clock.js';
import { Housekeeping, round } from '../../../lib/drivers/file/housekeeping.js';
import { LockFile } from '../../../lib/drivers/file/kernel/lock-file.js';
import { loadNativeLock, type NativeLock } from '../../../lib/drivers/file/kernel/native-lock.js';
import { Instances } from '../../../lib/drivers/file/directory/instance.js';
import { Sharers } from '../../../lib/drivers/file/shares/index.js';
import { StateDirectory } from '../../../lib/drivers/file/directory/state-directory.js';
import { TokenFloor } from '../../../lib/drivers/file/directory/token-floor.js';
import { granted, request } from '../../support/driver-suite.js';
import { eventually } from '../../support/eventually.js';
import { FakeClock } from '../../support/fake-clock.js';
import { useScratch } from '../../support/file-scratch.js';
import { waitAt } from '../../support/file-waiting.js';
import { forkFixture } from '../../support/processes.js';
import { clockOffBy } from '../../support/wrong-clock.js';

const HOUR = 3_600_000;
const FIXTURE = new URL('./fixtures/removal.fixture.ts', import.meta.url);

interface Taken {
  readonly leases: number;
  readonly together: readonly string[];
  readonly tokens: readonly [name: string, token: number, at: string][];
}

describe('the file of a lock that nobody has used for a day', () => {
  const scratch = useScratch();

  function age(path: string, hours = 25): void {
    const then = (Date.now() - hours * HOUR) / 1000;
    utimesSync(path, then, then);
  }

  async function context(directory: string, clock = systemClock, native?: NativeLock) {
    native ??= await loadNativeLock();
    const state = new StateDirectory(directory);
    const instances = new Instances(state.instancesFolder, native);
    return {
      directory: state,
      native,
      instances,
      sharers: new Sharers(instances, clock, 10_000),
      floor: new TokenFloor(state.tokens, native),
      clock,
      random: () => 0,
    };
  }

  async function tidy(directory: string, clock = systemClock): Promise<void> {
    Array.from(round(await context(directory, clock)));
  }

  const files = (directory: string): Promise<string[]> => readdir(join(directory, 'locks'));

  it('is removed by any driver after its start, and again every hour, however many there are', async () => {
    const directory = await scratch.directory();
    const first = await scratch.started(directory);
    for (let index = 0; index < 500; index += 1) {
      const name = `order-${index}`;
      await first.locks.release(granted(await tryAcquire(first, request(name))));
      if (index > 0) age(new StateDirectory(directory).lock(name));
    }
    await scratch.started(directory);
    await eventually(async () => (await files(directory)).length === 1);
    granted(await tryAcquire(first, request('order-7')));
  });

  it('is looked at a few at a time, and once in an hour', async () => {
    const directory = await scratch.directory();
    // Makes the directory; a driver that runs would tidy it up by itself.
    await (await scratch.started(directory)).stop();
    const { locks } = new StateDirectory(directory);
    for (let index = 0; index < 100; index += 1) {
      const path = join(locks, String(index).padStart(64, '0'));
      await writeFile(path, '');
      age(path);
    }
    const clock = new FakeClock();
    clock.stepWall(Date.now() - clock.wall());
    const housekeeping = new Housekeeping(await context(directory, clock));
    housekeeping.start();
    await clock.advance(10);
    const left = (await files(directory)).length;
    expect(left).toBeGreaterThan(50);
    await clock.advance(2000);
    expect(await files(directory)).toEqual([]);
    await writeFile(join(locks, 'f'.repeat(64)), '');
    age(join(locks, 'f'.repeat(64)));
    await clock.advance(HOUR / 2 - 3000);
    expect(await files(directory)).toHaveLength(1);
    await clock.advance(3000);
    expect(await files(directory)).toEqual([]);
    housekeeping.close();
    expect(clock.timers).toBe(0);
  });

  it('goes as the marks of missing instances do: after a day, or when a driver takes the number', async () => {
    const directory = await scratch.directory();
    await (await scratch.started(directory)).stop();
    const { instancesFolder } = new StateDirectory(directory);
    for (const number of [0, 7, 8]) await writeFile(join(instancesFolder, `${number}.missed`), '');
    age(join(instancesFolder, '7.missed'));
    await tidy(directory);
    expect((await readdir(instancesFolder)).toSorted()).toEqual(['0', '0.missed', '8.missed']);
    const driver = await scratch.started(directory);
    expect(await readdir(instancesFolder)).not.toContain('0.missed');
    await driver.stop();
  });

  it('stays while it is held, waited for, or used within a day', async () => {
    const directory = await scratch.directory();
    const [a, b] = [await scratch.started(directory), await scratch.started(directory)];
    const path = (name: string): string => new StateDirectory(directory).lock(name);
    granted(await tryAcquire(a, request('held')));
    await b.locks.release(granted(await tryAcquire(b, request('fresh'))));
    const waited = granted(await tryAcquire(a, request('waited')));
    const place = await waitAt(b, 'waited');
    for (const name of ['held', 'waited']) age(path(name));
    age(path('fresh'), 23);
    await a.locks.release(waited);
    await tidy(directory);
    expect(await files(directory)).toHaveLength(3);
    await place.leave();
    await tidy(directory);
    expect(existsSync(path('waited'))).toBe(false);
    expect(await files(directory)).toHaveLength(2);
  });

  it('leaves alone what is no file of a lock', async () => {
    const directory = await scratch.directory();
    await scratch.started(directory);
    const { locks } = new StateDirectory(directory);
    for (const name of ['README', 'f'.repeat(63)]) {
      await writeFile(join(locks, name), '');
      age(join(locks, name));
    }
    await mkdir(join(locks, 'a'.repeat(64)));
    age(join(locks, 'a'.repeat(64)));
    await tidy(directory);
    expect(await files(directory)).toHaveLength(3);
  });

  it('takes no token with it, whatever the clock says when the name comes back', async () => {
    const directory = await scratch.directory();
    const ahead = await scratch.started(directory, clockOffBy(5 * HOUR));
    const late = await scratch.started(directory, clockOffBy(-100 * HOUR));
    const take = async (driver: typeof late): Promise<number> => {
      const grant = granted(await tryAcquire(driver, fencedRequest('l')));
      await driver.locks.release(grant);
      return tokenOf(grant);
    };
    let last = await take(ahead);
    for (const driver of [late, ahead, late]) {
      age(new StateDirectory(directory).lock('l'));
      await tidy(directory);
      expect(await files(directory)).toEqual([]);
      const token = await take(driver);
      expect(token).toBeGreaterThan(last);
      last = token;
    }
    // A lease without a token in between.
    age(new StateDirectory(directory).lock('l'));
    await tidy(directory);
    await late.locks.release(granted(await tryAcquire(late, request('l'))));
    expect(await take(late)).toBeGreaterThan(last);
  });

  it('stays where its token cannot be kept', async () => {
    const directory = await scratch.directory();
    const driver = await scratch.started(directory);
    await driver.locks.release(granted(await tryAcquire(driver, fencedRequest('l'))));
    const { tokens } = new StateDirectory(directory);
    age(new StateDirectory(directory).lock('l'));
    const other = LockFile.take(tokens, await loadNativeLock());
    await tidy(directory);
    expect(await files(directory)).toHaveLength(1);
    other?.free();
    await tidy(directory);
    expect(await files(directory)).toEqual([]);
  });

  it('is not locked by who had it open when it was removed: the next file is', async () => {
    const directory = await scratch.directory();
    await scratch.started(directory);
    const path = new StateDirectory(directory).lock('l');
    const native = await loadNativeLock();
    LockFile.take(path, native)?.free();
    age(path);
    const whole = await context(directory);
    let second: LockFile | undefined;
    const stopped: NativeLock = {
      ...native,
      tryLock(fd) {
        // Between `open` and the kernel's lock: the file goes, and another process takes the lock.
        if (!second) {
          Array.from(round(whole));
          second = LockFile.take(path, native);
        }
        return native.tryLock(fd);
      },
    };
    expect(LockFile.take(path, stopped)).toBeUndefined();
    expect(second?.isInPlace()).toBe(true);
    second?.free();
    expect(LockFile.take(path, native)).toBeDefined();
  });

  it('is never two, whoever takes it and removes it at the same time, is stopped or killed', async () => {
    const directory = await scratch.directory();
    const marks = await scratch.directory();
    await scratch.started(directory);
    const start = async (role: 'take' | 'remove') => {
      const process = await forkFixture(FIXTURE, { args: [role, directory, marks] });
      scratch.onEnd(() => process.kill());
      await process.receive((message) => message === 'started');
      return process;
    };
    const takers = await Promise.all([1, 2, 3].map(() => start('take')));
    const removers = await Promise.all([1, 2, 3].map(() => start('remove')));
    const end = performance.now() + 6000;
    for (let turn = 0; performance.now() < end; turn += 1) {
      // Every process at some point of what it does.
      const all = [...takers, ...removers];
      const one = all[turn % all.length]!;
      one.freeze();
      await after(5 + (turn % 7) * 3);
      one.thaw();
      if (turn % 20 === 19) {
        await removers[0]!.kill('SIGKILL');
        removers[0] = await start('remove');
      }
    }
    const finish = async <T>(process: (typeof takers)[number]): Promise<T> => {
      const told = process.receive((message) => typeof message === 'object' && message !== null);
      process.send('end');
      return (await told) as T;
    };
    const removed = await Promise.all(removers.map((each) => finish<{ removed: number }>(each)));
    const taken = await Promise.all(takers.map((each) => finish<Taken>(each)));
    expect(removed.reduce((sum, each) => sum + each.removed, 0)).toBeGreaterThan(50);
    expect(taken.reduce((sum, each) => sum + each.leases, 0)).toBeGreaterThan(300);
    expect(taken.flatMap(({ together }) => together)).toEqual([]);
    for (const name of ['a', 'b', 'c']) {
      const tokens = taken
        .flatMap((each) => each.tokens.filter(([of]) => of === name))
        .toSorted(([, , a], [, , b]) => (BigInt(a) < BigInt(b) ? -1 : 1))
        .map(([, token]) => token);
      expect(tokens).toEqual(tokens.toSorted((a, b) => a - b));
      expect(new Set(tokens).size).toBe(tokens.length);
    }
  }, 180_000);

  it('goes with what dead processes have left: records, tickets, sockets, and instances of old', async () => {
    const directory = await scratch.directory();
    const driver = await scratch.started(directory);
    const grant = granted(await tryAcquire(driver, request('l')));
    const dead = await scratch.process(directory);
    await dead.announce('dead');
    dead.wait('l').catch(() => undefined);
    const left = async (): Promise<string[]> =>
      (
        await Promise.all(
          ['records', 'queues', 'instances'].map((folder) =>
            readdir(join(directory, folder), { recursive: true }),
          ),
        )
      ).flat();
    await eventually(async () => (await left()).some((name) => name.includes('.1')));
    dead.process.freeze();
    await dead.process.kill();
    expect(
      (await left()).filter((name) => /\.sock$|^[0-9a-f]{64}-[0-9a-f]{64}$|\.\d+\.1$/.test(name)),
    ).toHaveLength(4);
    await eventually(async () => (await driver.records.list('members')).length === 0);
    await tidy(directory);
    expect(
      (await left()).filter((name) => /^1-.*\.sock$|^[0-9a-f]{64}-[0-9a-f]{64}$|\.\d+\.1$/.test(name)),
    ).toEqual([]);
    expect(await readdir(join(directory, 'instances'))).toEqual([
      '0',
      expect.stringMatching(/^0-.*\.sock$/),
      '1',
    ]);
    await utimes(join(directory, 'instances', '1'), 0, 0);
    await utimes(join(directory, 'instances', '0'), 0, 0);
    await tidy(directory);
    expect(await readdir(join(directory, 'instances'))).toEqual(['0', expect.stringMatching(/^0-.*\.sock$/)]);
    await driver.locks.release(grant);
  });

  it('keeps no process alive, and no folder open after stop', async () => {
    const directory = await scratch.directory();
    const driver = await scratch.started(directory);
    const { locks } = new StateDirectory(directory);
    for (let index = 0; index < 200; index += 1)
      await writeFile(join(locks, String(index).padStart(64, '0')), '');
    await driver.stop();
    const idle = await scratch.process(directory);
    idle.process.child.disconnect();
    expect(await idle.process.exited).toEqual({ code: 0, signal: null });
    await rm(locks, { recursive: true });
  });
});
