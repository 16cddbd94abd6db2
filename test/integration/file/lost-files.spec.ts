import { announce, breakLock, tryAcquire } from '../../support/driver-calls.js';
import { breakAnswered } from '../../support/break-answered.js';
import { chmod, mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../lib/common/clock.js';
import { CoordinatorService } from '../../../lib/coordinator.service.js';
import type { FileDriver } from '../../../lib/drivers/file/file.driver.js';
import { StateDirectory } from '../../../lib/drivers/file/directory/state-directory.js';
import { BackendUnavailableError } from '../../../lib/errors.js';
import { sharedRequest } from '../../../lib/driver-testing/driver-calls.js';
import { granted, request } from '../../support/driver-suite.js';
import { eventually } from '../../support/eventually.js';
import { FakeClock } from '../../support/fake-clock.js';
import { useScratch } from '../../support/file-scratch.js';

const TTL = 10_000;

const unseen = vi.hoisted(() => ({ path: undefined as string | undefined }));

// A single file that the system fails to look at is what a test cannot have here.
vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  const lstatSync = (path: string, options: object) => {
    if (path === unseen.path) throw Object.assign(new Error('EIO: i/o error, lstat'), { code: 'EIO' });
    return fs.lstatSync(path, options);
  };
  return { ...fs, lstatSync };
});

describe('a lease whose file is gone', () => {
  const scratch = useScratch();

  const ways: Record<string, (directory: string, name: string) => Promise<unknown>> = {
    'the file was removed': (directory, name) => rm(new StateDirectory(directory).lock(name)),
    'the file was replaced': async (directory, name) => {
      const path = new StateDirectory(directory).lock(name);
      await rename(path, `${path}-before`);
      await writeFile(path, '');
    },
    'the directory was removed': (directory) => rm(directory, { recursive: true }),
    'the directory was moved': (directory) => rename(directory, `${directory}-away`),
    'a file took the place of the directory': async (directory) => {
      await rename(directory, `${directory}-away`);
      await writeFile(directory, '');
    },
    'the folder of locks was replaced': async (directory) => {
      await rename(join(directory, 'locks'), join(directory, '..', 'locks-away'));
      await mkdir(join(directory, 'locks'), { mode: 0o700 });
    },
    'a link goes round in a circle': async (directory) => {
      await rename(directory, `${directory}-away`);
      await symlink(directory, directory);
    },
  };

  it.each(Object.keys(ways))('is lost with the next heartbeat: %s', async (way) => {
    const directory = join(await scratch.directory(), 'd');
    const driver = await scratch.started(directory);
    const lost = request('l');
    const grant = granted(await tryAcquire(driver, lost));
    await announce(driver, 'm', TTL);
    expect(lost.revoked).toEqual([]);
    await ways[way]!(directory, 'l');
    await announce(driver, 'm', TTL).catch((error: unknown) => {
      expect(error).toBeInstanceOf(BackendUnavailableError);
    });
    expect(lost.revoked).toEqual([
      `its lock file ${new StateDirectory(directory).lock('l')} was removed or replaced, so another process may have taken the lock`,
    ]);
    expect(await driver.locks.release(grant)).toBe(false);
  });

  it('is lost when a link on the way to it is turned', async () => {
    const place = await scratch.directory();
    const link = join(place, 'current');
    await Promise.all(['one', 'two'].map((name) => mkdir(join(place, name), { mode: 0o700 })));
    await symlink(join(place, 'one'), link);
    const directory = join(link, 'state');
    const driver = await scratch.started(directory);
    const lost = request('l');
    granted(await tryAcquire(driver, lost));
    await symlink(join(place, 'two'), `${link}-next`);
    await rename(`${link}-next`, link);
    const other = await scratch.started(directory);
    await expect(announce(driver, 'm', TTL)).resolves.toMatchObject({ key: 'm' });
    expect(lost.revoked).toHaveLength(1);
    granted(await tryAcquire(other, request('l')));
  });

  it('is not lost while it cannot be seen', async () => {
    const directory = join(await scratch.directory(), 'd');
    const driver = await scratch.started(directory);
    const kept = request('l');
    const grant = granted(await tryAcquire(driver, kept));
    await announce(driver, 'm', TTL);
    await chmod(join(directory, 'locks'), 0o770);
    await expect(announce(driver, 'm', TTL)).rejects.toThrow('others can write to it (mode 0770)');
    await chmod(join(directory, 'locks'), 0o700);
    await announce(driver, 'm', TTL);
    expect(kept.revoked).toEqual([]);
    expect(await driver.locks.release(grant)).toBe(true);
  });

  it('is lost among many', async () => {
    const directory = await scratch.directory();
    const driver = await scratch.started(directory);
    const requests = Array.from({ length: 1000 }, (_, index) => request(`l${index}`));
    for (const each of requests) granted(await tryAcquire(driver, each));
    for (const index of [0, 500, 999]) await rm(new StateDirectory(directory).lock(`l${index}`));
    await announce(driver, 'm', TTL);
    expect(requests.filter(({ revoked }) => revoked.length > 0).map(({ name }) => name)).toEqual([
      'l0',
      'l500',
      'l999',
    ]);
  });

  it('is lost also when another one, which was taken before it, cannot be looked at', async () => {
    const directory = join(await scratch.directory(), 'd');
    const driver = await scratch.started(directory);
    const [hidden, gone] = [request('hidden'), request('gone')];
    for (const each of [hidden, gone]) granted(await tryAcquire(driver, each));
    const state = new StateDirectory(directory);
    await rm(state.lock('gone'));
    unseen.path = state.lock('hidden');
    await expect(announce(driver, 'm', TTL)).rejects.toThrow('failed to look at');
    unseen.path = undefined;
    expect(gone.revoked).toHaveLength(1);
    expect(hidden.revoked).toEqual([]);
  });

  it('aborts the signal of its holder, with a reason', async () => {
    const directory = join(await scratch.directory(), 'd');
    const coordinator = new CoordinatorService({
      backendUrl: `file://${directory}`,
      agentId: 'holder',
      ttl: 300,
      heartbeat: 50,
    });
    scratch.onEnd(() => coordinator.stop());
    await coordinator.start();
    const lease = await coordinator.getLock('l').hold();
    // The heartbeat writes there meanwhile.
    await rm(directory, { recursive: true, maxRetries: 10 });
    await eventually(() => lease.signal.aborted);
    expect(lease.signal.reason).toMatchObject({
      name: 'LeaseLostError',
      reason: 'broken',
      message: expect.stringContaining('was removed or replaced'),
    });
  });
});

describe('a folder of the directory that is not what it was', () => {
  const scratch = useScratch();

  async function replace(directory: string, folder: string): Promise<void> {
    await rename(join(directory, folder), join(directory, '..', 'before'));
    await mkdir(join(directory, folder), { mode: 0o700 });
  }

  async function turnIntoLink(directory: string, folder: string): Promise<void> {
    const target = join(directory, '..', `elsewhere-${folder}`);
    await rename(join(directory, folder), target);
    await symlink(target, join(directory, folder));
  }

  async function refusal(driver: FileDriver, name = 'l'): Promise<string> {
    const error: unknown = await tryAcquire(driver, request(name)).then(
      (reply) => new Error(JSON.stringify(reply)),
      (error: unknown) => error,
    );
    expect(error).toBeInstanceOf(BackendUnavailableError);
    return (error as Error).message;
  }

  it.each(['locks', 'records', 'instances', 'queues'])('may not be a link: %s', async (folder) => {
    const directory = join(await scratch.directory(), 'd');
    const first = await scratch.started(directory);
    const held = request('held');
    const grant = granted(await tryAcquire(first, held));
    await turnIntoLink(directory, folder);
    await expect(scratch.driver(directory).driver.start()).rejects.toThrow(
      `its folder ${folder} is a symbolic link`,
    );
    await expect(announce(first, 'm', TTL)).rejects.toThrow(`its folder ${folder} is a symbolic link`);
    if (folder === 'locks') expect(await refusal(first)).toContain('is a symbolic link');
    // Its file is where it was.
    expect(held.revoked).toEqual([]);
    await first.locks.release(grant);
  });

  it.each([0o770, 0o702])('may not be open to others (%o)', async (mode) => {
    const directory = join(await scratch.directory(), 'd');
    const first = await scratch.started(directory);
    await chmod(join(directory, 'locks'), mode);
    await expect(scratch.driver(directory).driver.start()).rejects.toThrow('others can write to it');
    expect(await refusal(first)).toContain('others can write to it');
    await chmod(join(directory, 'locks'), 0o700);
    granted(await tryAcquire(first, request('l')));
  });

  it('may not be opened to others itself, and grants again when it is closed', async () => {
    const directory = join(await scratch.directory(), 'd');
    const driver = await scratch.started(directory);
    granted(await tryAcquire(driver, request('before')));
    await chmod(directory, 0o777);
    expect(await refusal(driver)).toContain('others can write to it (mode 0777)');
    await chmod(directory, 0o700);
    granted(await tryAcquire(driver, request('after')));
  });

  it.each(['queues', 'instances', 'records'])(
    'grants nothing more once a heartbeat has found its folder %s open to others',
    async (folder) => {
      const directory = join(await scratch.directory(), 'd');
      const driver = await scratch.started(directory);
      granted(await tryAcquire(driver, request('before')));
      await chmod(join(directory, folder), 0o777);
      await expect(announce(driver, 'm', TTL)).rejects.toThrow('others can write to it (mode 0777)');
      for (let time = 0; time < 2; time += 1)
        expect(await refusal(driver)).toContain('others can write to it (mode 0777)');
      await chmod(join(directory, folder), 0o700);
      granted(await tryAcquire(driver, request('after')));
    },
  );

  it.each(['that was there', 'that starts'])(
    'makes no second holder of a driver %s: it waits until the first one has noticed',
    async (which) => {
      const directory = join(await scratch.directory(), 'd');
      const holder = await scratch.started(directory);
      const there = await scratch.started(directory);
      const lost = request('l');
      granted(await tryAcquire(holder, lost));
      await replace(directory, 'locks');
      const other = which === 'that starts' ? await scratch.started(directory) : there;
      expect(await refusal(other)).toContain(
        `was replaced while it was in use, and another process may still hold locks in the old one; it grants again as soon as process ${process.pid} has noticed`,
      );
      expect(lost.revoked).toEqual([]);
      await announce(holder, 'holder', TTL);
      expect(lost.revoked).toHaveLength(1);
      await announce(there, 'there', TTL);
      granted(await tryAcquire(other, request('l')));
      expect((await tryAcquire(holder, request('l'))).granted).toBe(false);
    },
  );

  it.each(['queues', 'instances'])(
    'makes no holder beside one that shares the lock when %s is replaced: it waits until that one has noticed',
    async (folder) => {
      const directory = join(await scratch.directory(), 'd');
      const clock = new FakeClock();
      const holder = await scratch.started(directory);
      const there = await scratch.started(directory, clock);
      granted(await tryAcquire(there, request('another')));
      const lost = sharedRequest('l');
      granted(await tryAcquire(holder, lost));
      await replace(directory, folder);
      // With its link gone, nothing tells of the share.
      if (folder === 'instances') expect((await tryAcquire(there, request('l'))).granted).toBe(false);
      expect(await refusal(there, folder === 'queues' ? 'l' : 'free')).toContain(
        'was replaced while it was in use',
      );
      if (folder === 'queues')
        expect(await refusal(await scratch.started(directory))).toContain(`process ${process.pid}`);
      expect(lost.revoked).toEqual([]);
      await announce(holder, 'holder', TTL);
      expect(lost.revoked).toHaveLength(1);
      await announce(there, 'there', TTL);
      // Where its instance is gone, a driver cannot know whether the others have noticed.
      if (folder === 'instances') clock.block(TTL);
      granted(await tryAcquire(there, request('l')));
    },
  );

  /** A driver that shares the lock, and has noticed nothing yet. Those that start have time for it. */
  async function sharerWithoutInstance() {
    const directory = join(await scratch.directory(), 'd');
    const holder = await scratch.started(directory);
    const lost = sharedRequest('l');
    granted(await tryAcquire(holder, lost));
    await replace(directory, 'instances');
    return { directory, holder, lost, start: () => scratch.started(directory, systemClock, 6 * TTL) };
  }

  it('makes no holder beside one that shares the lock where instances is replaced and drivers start', async () => {
    const { holder, lost, start } = await sharerWithoutInstance();
    // None takes the number of the holder, whose file is gone.
    const starting = [await start(), await start()];
    for (const other of starting) expect((await tryAcquire(other, request('l'))).granted).toBe(false);
    expect(lost.revoked).toEqual([]);
    await announce(holder, 'holder', TTL);
    expect(lost.revoked).toHaveLength(1);
    granted(await tryAcquire(starting[1]!, request('l')));
  });

  it('grants a lock one ttl after instances was replaced, where the process that shared it is dead', async () => {
    const directory = join(await scratch.directory(), 'd');
    const killed = await scratch.process(directory);
    for (const name of ['shared', 'kept']) expect(await killed.share(name)).toBe(true);
    await killed.keep('kept', 60_000);
    await killed.process.kill();
    await replace(directory, 'instances');
    const clock = new FakeClock();
    const other = await scratch.started(directory, clock);
    for (const name of ['shared', 'kept']) {
      expect((await tryAcquire(other, request(name))).granted).toBe(false);
    }
    clock.block(TTL - 1);
    for (const name of ['shared', 'kept']) {
      expect((await tryAcquire(other, request(name))).granted).toBe(false);
    }
    clock.block(1);
    for (const name of ['shared', 'kept']) granted(await tryAcquire(other, request(name)));
  });

  it('grants such a lock also where no process runs for so long as a ttl', async () => {
    const directory = join(await scratch.directory(), 'd');
    const killed = await scratch.process(directory);
    expect(await killed.share('l')).toBe(true);
    await killed.process.kill();
    await replace(directory, 'instances');
    const clock = new FakeClock();
    for (const after of [0, TTL - 1]) {
      clock.block(after);
      const other = await scratch.started(directory, clock);
      expect((await tryAcquire(other, request('l'))).granted).toBe(false);
      await other.stop();
    }
    clock.block(1);
    granted(await tryAcquire(await scratch.started(directory, clock), request('l')));
  });

  it('makes no holder beside it either where a driver was killed while it looked for a number', async () => {
    const { directory, start } = await sharerWithoutInstance();
    const other = await start();
    // It had made the file of the number of the one that shares.
    await writeFile(join(directory, 'instances', '0'), '');
    expect((await tryAcquire(other, request('l'))).granted).toBe(false);
    expect((await tryAcquire(await start(), request('l'))).granted).toBe(false);
  });

  it('tells that such a share was not broken while its process may run', async () => {
    const { holder, lost, start } = await sharerWithoutInstance();
    const other = await start();
    await expect(breakLock(other, 'l')).rejects.toThrow('does not answer');
    expect(lost.revoked).toEqual([]);
    await announce(holder, 'holder', TTL);
    expect(lost.revoked).toHaveLength(1);
    expect(await breakLock(other, 'l')).toBe(false);
  });

  it.each(['instances', '.'])(
    'leaves the socket of its successor at its stop, where %s was replaced',
    async (folder) => {
      const directory = join(await scratch.directory(), 'd');
      const before = await scratch.started(directory);
      await replace(directory, folder);
      const after = await scratch.process(directory);
      expect(await after.try('l')).toBe(true);
      await before.stop();
      const other = await scratch.started(directory);
      expect(await breakAnswered(() => breakLock(other, 'l'))).toBe(true);
    },
  );

  it('shares no lock once instances was replaced, as others would not respect it, and tells what to do', async () => {
    const directory = join(await scratch.directory(), 'd');
    const clock = new FakeClock();
    const { driver, context } = scratch.driver(directory, clock);
    await driver.start();
    await replace(directory, 'instances');
    for (let beat = 0; beat < 2; beat += 1) await announce(driver, 'm', TTL);
    expect(context.warnings).toEqual([expect.stringContaining('restart this process')]);
    clock.block(TTL);
    const reason = `the file of this process in ${join(directory, 'instances')} was removed or replaced`;
    await expect(tryAcquire(driver, sharedRequest('l'))).rejects.toThrow(reason);
    const held = request('l');
    const grant = granted(await tryAcquire(driver, held));
    expect(() => driver.locks.downgrade(grant)).toThrow('restart this process');
    // The lease stays as it was.
    expect(held.revoked).toEqual([]);
    expect(await driver.locks.release(grant)).toBe(true);
    // The new driver gets the number that the other one had.
    const next = await scratch.started(directory);
    const share = granted(await tryAcquire(next, sharedRequest('l')));
    expect((await tryAcquire(driver, request('l'))).granted).toBe(false);
    expect(await next.locks.release(share)).toBe(true);
  });

  it('keeps the lock of a process that is stopped', async () => {
    const directory = join(await scratch.directory(), 'd');
    const holder = await scratch.process(directory);
    expect(await holder.try('l')).toBe(true);
    holder.process.freeze();
    await replace(directory, 'locks');
    const other = await scratch.started(directory);
    expect(await refusal(other)).toContain(`process ${holder.pid}`);
    await announce(other, 'other', TTL);
    expect(await refusal(other)).toContain(`process ${holder.pid}`);
    await holder.process.kill();
    await eventually(async () => {
      const reply = await tryAcquire(other, request('l')).catch(() => undefined);
      return reply?.granted;
    });
  });

  it('is waited for as long as a membership lasts where all of the directory was replaced', async () => {
    const directory = join(await scratch.directory(), 'd');
    const clock = new FakeClock();
    const driver = await scratch.started(directory, clock);
    await announce(driver, 'm', TTL);
    await rename(directory, `${directory}-away`);
    await scratch.started(directory);
    expect(await refusal(driver)).toContain(`it grants again in ${TTL} ms`);
    clock.block(TTL - 1);
    expect(await refusal(driver)).toContain('it grants again in 1 ms');
    clock.block(1);
    granted(await tryAcquire(driver, request('l')));
  });

  it('is waited for no longer where a record is kept for years, and no shorter before the first heartbeat', async () => {
    for (const life of [undefined, 10 * TTL, 1]) {
      const directory = join(await scratch.directory(), 'd');
      const clock = new FakeClock();
      const driver = await scratch.started(directory, clock);
      const record = { space: 'runs', key: 'nightly', version: 1, value: 'test' };
      if (life !== undefined) await driver.records.put(record, life);
      await rename(directory, `${directory}-away`);
      await scratch.started(directory);
      expect(await refusal(driver)).toContain(`it grants again in ${TTL} ms`);
      clock.block(TTL);
      granted(await tryAcquire(driver, request('l')));
    }
  });

  it('is waited for as long as a ttl by a coordinator that has done something once', async () => {
    const directory = join(await scratch.directory(), 'd');
    const ttl = 1000;
    const coordinator = new CoordinatorService({ backendUrl: `file://${directory}`, ttl, heartbeat: 900 });
    scratch.onEnd(() => coordinator.stop());
    await coordinator.start();
    await coordinator.once('seed', () => undefined);
    await rename(directory, `${directory}-away`);
    const other = await scratch.started(directory);
    const lock = coordinator.getLock('l');
    await expect(lock.acquire(false)).rejects.toThrow('it grants again in');
    await eventually(() => lock.acquire(false).catch(() => false), { within: 10 * ttl });
    expect((await tryAcquire(other, request('l'))).granted).toBe(false);
    await lock.release();
  });

  it('stores no record when it must not be used', async () => {
    const directory = join(await scratch.directory(), 'd');
    const driver = await scratch.started(directory);
    await chmod(join(directory, 'locks'), 0o770);
    const record = { space: 'runs', key: 'nightly', version: 1, value: 'test' };
    await expect(driver.records.put(record, TTL)).rejects.toThrow('others can write to it (mode 0770)');
    await chmod(join(directory, 'locks'), 0o700);
    expect(await driver.records.get('runs', 'nightly')).toBeUndefined();
  });

  it('leaves no file locked that was refused', async () => {
    const directory = join(await scratch.directory(), 'd');
    const holder = await scratch.started(directory);
    await replace(directory, 'locks');
    const other = await scratch.started(directory);
    await refusal(other);
    expect(await readdir(join(directory, 'locks'))).toHaveLength(1);
    await announce(holder, 'holder', TTL);
    granted(await tryAcquire(holder, request('l')));
  });
});
