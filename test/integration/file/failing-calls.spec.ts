import {
  announce,
  breakLock,
  enqueue,
  fencedRequest,
  isOwner,
  tryAcquire,
  withdraw,
} from '../../support/driver-calls.js';
import { readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { BackendUnavailableError, CoordinatorService } from '../../../lib/index.js';
import type { Granted, Taken } from '../../../lib/drivers/driver.js';
import type { FileDriver } from '../../../lib/drivers/file/file.driver.js';
import { LockFile } from '../../../lib/drivers/file/kernel/lock-file.js';
import { loadNativeLock } from '../../../lib/drivers/file/kernel/native-lock.js';
import { granted, request } from '../../support/driver-suite.js';
import { sharedRequest } from '../../../lib/driver-testing/driver-calls.js';
import { eventually } from '../../support/eventually.js';
import { useScratch } from '../../support/file-scratch.js';

/** Which call of the system fails: the so many-th one of all, or each one of that name. */
const faults = vi.hoisted(() => ({
  code: undefined as string | undefined,
  at: 0,
  of: undefined as string | undefined,
  calls: [] as string[],
}));

const failing = vi.hoisted(
  () =>
    <A extends unknown[], R>(name: string, real: (...args: A) => R) =>
    (...args: A): R => {
      if (faults.code === undefined) return real(...args);
      faults.calls.push(name);
      if (faults.of === undefined ? faults.calls.length !== faults.at : name !== faults.of)
        return real(...args);
      // The kernel gives a descriptor up, whatever it says of it.
      if (name === 'closeSync') real(...args);
      throw Object.assign(new Error(`${faults.code}: as the test wants it, ${name}`), { code: faults.code });
    },
);

vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  return {
    ...fs,
    accessSync: failing('accessSync', fs.accessSync),
    closeSync: failing('closeSync', fs.closeSync),
    fstatSync: failing('fstatSync', fs.fstatSync),
    linkSync: failing('linkSync', fs.linkSync),
    lstatSync: failing('lstatSync', fs.lstatSync),
    mkdirSync: failing('mkdirSync', fs.mkdirSync),
    openSync: failing('openSync', fs.openSync),
    opendirSync: failing('opendirSync', fs.opendirSync),
    readdirSync: failing('readdirSync', fs.readdirSync),
    readFileSync: failing('readFileSync', fs.readFileSync),
    readSync: failing('readSync', fs.readSync),
    statSync: failing('statSync', fs.statSync),
    statfsSync: failing('statfsSync', fs.statfsSync),
    unlinkSync: failing('unlinkSync', fs.unlinkSync),
    writeSync: failing('writeSync', fs.writeSync),
  };
});

vi.mock('../../../lib/drivers/file/kernel/native-lock.js', async (original) => {
  const module = await original<typeof import('../../../lib/drivers/file/kernel/native-lock.js')>();
  return {
    ...module,
    async loadNativeLock() {
      const native = await module.loadNativeLock();
      return {
        tryLock: failing('tryLock', (fd: number) => native.tryLock(fd)),
        unlock: failing('unlock', (fd: number) => native.unlock(fd)),
        isLocked: failing('isLocked', (fd: number) => native.isLocked(fd)),
      };
    },
  };
});

describe('a call of the system that fails', () => {
  const scratch = useScratch();

  afterEach(() => {
    faults.code = undefined;
  });

  /** What a driver does in its life; whatever fails, it goes on. */
  async function live(driver: FileDriver): Promise<void> {
    const attempt = <T>(work: Promise<T>): Promise<T | undefined> =>
      work.catch((error: unknown) => {
        // Anything else would be a mistake of ours.
        expect((error as Error).name).toBe('BackendUnavailableError');
        return undefined;
      });
    const release = async (reply: Granted | Taken | undefined): Promise<void> => {
      if (reply?.granted) await attempt(driver.locks.release(reply.grant));
    };
    await attempt(driver.start());
    await attempt(announce(driver, 'member', 1000));
    const one = await attempt(tryAcquire(driver, fencedRequest('one')));
    const two = await attempt(tryAcquire(driver, request('two')));
    const place = enqueue(driver, request('one'), () => undefined);
    const early = await attempt(place.tryAcquire());
    if (one?.granted) await attempt(isOwner(driver, one.grant));
    await attempt(breakLock(driver, 'two'));
    await attempt(announce(driver, 'member', 1000));
    await release(one);
    const turn = early?.granted ? early : await attempt(place.tryAcquire());
    await place.leave();
    await release(turn);
    await release(two);
    await withdraw(driver, 'member').catch(() => undefined);
    await driver.stop();
  }

  /** What this process has still open there. */
  async function left(directory: string): Promise<string[]> {
    const open = await readdir('/proc/self/fd');
    const targets = await Promise.all(open.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')));
    return targets.filter((target) => target.startsWith(directory));
  }

  it.each(['EIO', 'EACCES', 'ENOENT', 'EMFILE', 'ENOSPC'])(
    'leaves no lock and no descriptor after release and stop, whichever it is: %s',
    async (code) => {
      const counted = await scratch.directory();
      let failed = Infinity;
      for (let at = 1; at <= failed; at += 1) {
        const directory = join(counted, String(at));
        const { driver } = scratch.driver(directory);
        Object.assign(faults, { code, at, of: undefined, calls: [] });
        await live(driver);
        // Once fewer calls are made than the one that should fail, each has failed.
        if (faults.calls.length < at) failed = 0;
        const [what] = faults.calls.slice(at - 1);
        faults.code = undefined;
        expect({ at, what, left: await left(directory) }).toEqual({ at, what, left: [] });
      }
      expect(faults.calls.length).toBeGreaterThan(60);
    },
    120_000,
  );

  it.each(['lstatSync', 'unlock', 'closeSync'])('leaves no lock after a release: %s', async (of) => {
    const directory = await scratch.directory();
    const driver = await scratch.started(directory);
    const other = await scratch.started(directory);
    const grant = granted(await tryAcquire(driver, request('l')));
    Object.assign(faults, { code: 'EIO', of, calls: [] });
    await expect(driver.locks.release(grant)).rejects.toThrow('EIO');
    faults.code = undefined;
    expect(faults.calls).toContain(of);
    expect(await driver.locks.release(grant)).toBe(false);
    await other.locks.release(granted(await tryAcquire(other, request('l'))));
  });

  describe('leaves no share after a release', () => {
    async function released(of: string, code: string, keepFor: number) {
      const directory = await scratch.directory();
      const driver = await scratch.started(directory);
      const other = await scratch.started(directory);
      const grant = granted(await tryAcquire(driver, sharedRequest('l')));
      Object.assign(faults, { code, at: 0, of, calls: [] });
      const outcome = await driver.locks.release(grant, keepFor).catch((error: unknown) => error);
      faults.code = undefined;
      expect(faults.calls).toContain(of);
      return { driver, other, grant, outcome };
    }

    it.each([
      ['lstatSync', 'EIO', 0],
      ['linkSync', 'ENOSPC', 60_000],
      ['mkdirSync', 'ENOSPC', 60_000],
      ['openSync', 'EMFILE', 60_000],
    ])('%s, %s, kept for %i ms', async (of, code, keepFor) => {
      const { driver, other, grant, outcome } = await released(of, code, keepFor);
      expect(outcome).toMatchObject({ name: 'BackendUnavailableError' });
      expect(await driver.locks.release(grant)).toBe(false);
      await other.locks.release(granted(await tryAcquire(other, request('l'))));
    });
  });

  it.each([0, 1])(
    'removes the link of a share with the next heartbeat, when it could not before: kept for %i ms',
    async (keepFor) => {
      const directory = await scratch.directory();
      const driver = await scratch.started(directory);
      const other = await scratch.started(directory);
      const grant = granted(await tryAcquire(driver, sharedRequest('l')));
      Object.assign(faults, { code: 'EIO', at: 0, of: 'unlinkSync', calls: [] });
      expect(await driver.locks.release(grant, keepFor)).toBe(true);
      await eventually(() => faults.calls.filter((call) => call === 'unlinkSync').length === keepFor + 1);
      faults.code = undefined;
      expect((await tryAcquire(other, request('l'))).granted).toBe(false);
      await announce(driver, 'member');
      await other.locks.release(granted(await tryAcquire(other, request('l'))));
    },
  );

  it('frees a lock that is kept for a while, also when its file cannot be looked at', async () => {
    const directory = await scratch.directory();
    const driver = await scratch.started(directory);
    const other = await scratch.started(directory);
    const grant = granted(await tryAcquire(driver, request('l')));
    Object.assign(faults, { code: 'EIO', at: 0, of: 'lstatSync', calls: [] });
    await expect(driver.locks.release(grant, 300)).rejects.toThrow('EIO');
    faults.code = undefined;
    expect((await tryAcquire(other, request('l'))).granted).toBe(false);
    await eventually(async () => (await tryAcquire(other, request('l'))).granted);
  });

  it.each(['unlock', 'closeSync'])('does not share a lock that is held alone no more: %s', async (of) => {
    const directory = await scratch.directory();
    const driver = await scratch.started(directory);
    const other = await scratch.started(directory);
    // The first share makes the folder.
    await driver.locks.release(granted(await tryAcquire(driver, sharedRequest('l'))));
    const grant = granted(await tryAcquire(driver, request('l')));
    Object.assign(faults, { code: 'EIO', at: 0, of, calls: [] });
    const share = driver.locks.downgrade(grant);
    faults.code = undefined;
    expect(faults.calls).toContain(of);
    expect(await share.done).toBe(true);
    expect(await driver.locks.release(share.grant)).toBe(true);
    await other.locks.release(granted(await tryAcquire(other, request('l'))));
  });

  describe('of a downgrade', () => {
    const begun: CoordinatorService[] = [];

    async function readerAndWriter(): Promise<[CoordinatorService, CoordinatorService]> {
      const backendUrl = `file://${await scratch.directory()}`;
      begun.push(
        ...['writer', 'reader'].map(
          (agentId) => new CoordinatorService({ backendUrl, agentId, stopTimeout: 0 }),
        ),
      );
      await Promise.all(begun.map((coordinator) => coordinator.start()));
      return begun as [CoordinatorService, CoordinatorService];
    }

    afterEach(async () => {
      faults.code = undefined;
      await Promise.all(begun.splice(0).map((coordinator) => coordinator.stop()));
    });

    it('leaves the lease alone where no share can be made, and it can be shared later', async () => {
      const [writer, reader] = await readerAndWriter();
      const lease = await writer.getLock('l').hold();
      Object.assign(faults, { code: 'ENOSPC', of: 'linkSync', calls: [] });
      await expect(lease.downgrade()).rejects.toThrow(BackendUnavailableError);
      faults.code = undefined;
      expect(JSON.parse(JSON.stringify(lease))).not.toHaveProperty('shared', true);
      const share = reader.getLock('l', { shared: true });
      expect(await share.acquire(false)).toBe(false);
      await lease.downgrade();
      expect(await share.acquire(false)).toBe(true);
      expect(await lease.release()).toBe(true);
    });

    it.each(['unlock', 'closeSync'])('leaves a share that ends with its lease, at %s', async (of) => {
      const [writer, reader] = await readerAndWriter();
      // The first share of a lock makes a folder.
      await (await writer.getLock('l', { shared: true }).hold()).release();
      const lease = await writer.getLock('l').hold();
      Object.assign(faults, { code: 'EIO', of, calls: [] });
      await lease.downgrade();
      faults.code = undefined;
      const share = await reader.getLock('l', { shared: true }).hold({ blocking: false });
      expect(await lease.release()).toBe(true);
      await share.release();
      await (await reader.getLock('l').hold({ blocking: false })).release();
    });
  });

  it('tells the holder whose lock is broken, also when the file complains', async () => {
    const driver = await scratch.started(await scratch.directory());
    const lost = request('l');
    granted(await tryAcquire(driver, lost));
    Object.assign(faults, { code: 'EIO', of: 'unlock', calls: [] });
    expect(await breakLock(driver, 'l')).toBe(true);
    faults.code = undefined;
    expect(lost.revoked).toHaveLength(1);
    granted(await tryAcquire(driver, request('l')));
  });

  it('does not keep up the instance and the members that can be left', async () => {
    const directory = await scratch.directory();
    const { driver, context } = scratch.driver(directory);
    await driver.start();
    await announce(driver, 'one', 1000);
    await announce(driver, 'two', 1000);
    Object.assign(faults, { code: 'EIO', of: 'lstatSync', calls: [] });
    await driver.stop();
    faults.code = undefined;
    expect(context.warnings).toEqual([expect.stringContaining('EIO')]);
    expect(await left(directory)).toEqual([]);
    const native = await loadNativeLock();
    expect(LockFile.isTaken(join(directory, 'instances', '0'), native)).toBe(false);
  });
});
