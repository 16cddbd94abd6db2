import { announce, breakLock, tryAcquire } from '../../support/driver-calls.js';
import { execFile } from 'node:child_process';
import { renameSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { loadBinding, loadNativeLock } from '../../../lib/drivers/file/kernel/native-lock.js';
import { LockFile } from '../../../lib/drivers/file/kernel/lock-file.js';
import { StateDirectory } from '../../../lib/drivers/file/directory/state-directory.js';
import { BackendUnavailableError } from '../../../lib/errors.js';
import { eventually } from '../../support/eventually.js';
import { granted, request } from '../../support/driver-suite.js';
import { useScratch } from '../../support/file-scratch.js';
import { waitAt } from '../../support/file-waiting.js';

const run = promisify(execFile);

describe('a file driver that cannot go on', () => {
  const scratch = useScratch();

  it.each([0, 1100])(
    'grants nothing that it cannot write down, and damages nothing (%i bytes)',
    async (room) => {
      const directory = await scratch.directory();
      const path = new StateDirectory(directory).lock('full');
      const process = await scratch.process(directory);
      const other = await scratch.started(directory);
      expect(await process.try('full')).toBe(true);
      const before = LockFile.read(path);
      await process.release('full');
      // A limit on the size of files stands in for a full disk: with 1100 bytes, the second slot is cut short.
      await run('prlimit', ['--pid', String(process.pid), `--fsize=${room}:`]);
      await expect(process.try('full')).rejects.toThrow(path);
      expect(LockFile.read(path)).toEqual(before);
      // Twice, so that the second slot is the next again.
      for (let lease = 0; lease < 2; lease += 1) {
        await other.locks.release(granted(await tryAcquire(other, request('full'))));
      }
      await expect(process.try('full')).rejects.toThrow('store the holder of "full"');
      await run('prlimit', ['--pid', String(process.pid), '--fsize=unlimited:']);
      expect(await process.try('full')).toBe(true);
    },
  );

  it('locks the file that is there, also when it is replaced while it is being locked', async () => {
    const path = join(await scratch.directory(), 'file');
    const native = await loadNativeLock();
    let replaced = 0;
    const interrupted = {
      ...native,
      tryLock: (fd: number) => {
        replaced += 1;
        if (replaced <= 3) renameSync(path, `${path}-${replaced}`);
        return native.tryLock(fd);
      },
    };
    const file = LockFile.take(path, interrupted);
    expect(replaced).toBe(4);
    expect(LockFile.take(path, native)).toBeUndefined();
    file?.free();
    LockFile.take(path, native)?.free();
    const always = {
      ...native,
      tryLock: (fd: number) => (renameSync(path, `${path}-x`), native.tryLock(fd)),
    };
    expect(() => LockFile.take(path, always)).toThrow('was replaced 20 times');
  });

  it('refuses work before its start and after its stop', async () => {
    const { driver } = scratch.driver(await scratch.directory());
    await expect(tryAcquire(driver, request('x'))).rejects.toBeInstanceOf(BackendUnavailableError);
    await driver.start();
    await driver.stop();
    await expect(tryAcquire(driver, request('x'))).rejects.toBeInstanceOf(BackendUnavailableError);
    await expect(announce(driver, 'm')).rejects.toBeInstanceOf(BackendUnavailableError);
    await expect(breakLock(driver, 'x')).rejects.toBeInstanceOf(BackendUnavailableError);
  });

  it('leaves nothing running when it is stopped while it starts', async () => {
    const directory = await scratch.directory();
    const { driver } = scratch.driver(directory);
    const starting = driver.start();
    await driver.stop();
    await expect(starting).rejects.toBeInstanceOf(BackendUnavailableError);
    await expect(tryAcquire(driver, request('x'))).rejects.toBeInstanceOf(BackendUnavailableError);
  });

  it('does not wait for a holder whose socket is gone to answer', async () => {
    const directory = await scratch.directory();
    const holder = await scratch.process(directory);
    expect(await holder.try('mute')).toBe(true);
    await holder.stop();
    const driver = await scratch.started(directory);
    let rings = 0;
    const place = await waitAt(driver, 'mute', () => (rings += 1));
    await eventually(() => rings > 2);
    await place.leave();
    await expect(breakLock(driver, 'mute')).rejects.toThrow(`process ${holder.pid}`);
  });

  it('loads the locks by path where the regular loader finds nothing, as on Alpine', async () => {
    const require = createRequire(import.meta.url);
    const addon = require('require-addon') as (specifier: string, parent: string) => never;
    const parent = require.resolve('fs-native-extensions/binding.js');
    expect(await loadBinding(async () => addon('./musl-build', parent))).toHaveProperty('tryLock');
    await expect(loadBinding(async () => addon('.', join(tmpdir(), 'binding.js')))).rejects.toThrow(
      /^the file back end has no kernel locks here: fs-native-extensions cannot be loaded on [^\n]*COORDINATION_BACKEND_URL\)$/,
    );
    await expect(
      loadBinding(() => Promise.reject(new Error('not installed\nRequire stack:'))),
    ).rejects.toThrow(/cannot be loaded on \S+ \(not installed\); /);
  });

  const coded = (code: string, message: string): Error => Object.assign(new Error(message), { code });

  it.each([
    [
      coded('ERR_MODULE_NOT_FOUND', "Cannot find package 'fs-native-extensions'"),
      'install fs-native-extensions where',
    ],
    // As esbuild's and Rollup's output say, and the package's own loader in a bundle of webpack.
    [new Error('Dynamic require of "url" is not supported'), 'mark fs-native-extensions as external'],
    [new Error('Could not dynamically require "./binding"'), 'mark fs-native-extensions as external'],
    [
      Object.assign(coded('ADDON_NOT_FOUND', "Cannot find addon '.'"), {
        referrer: new URL('file:///app/dist/main.js'),
      }),
      'mark fs-native-extensions as external',
    ],
  ])('says what keeps the native part of its locks away: %s', async (error, advice) => {
    const refused = loadBinding(() => Promise.reject(error));
    await expect(refused).rejects.toThrow(advice);
    await expect(refused).rejects.toThrow(error.message);
    await expect(refused).rejects.toThrow(
      /^the file back end [^\n]*memory: [^\n]*redis:\/\/[^\n]*COORDINATION_BACKEND_URL\)$/,
    );
  });

  it('does not blame a bundler where the package has nothing for this machine', async () => {
    const referrer = new URL('file:///app/node_modules/fs-native-extensions/binding.js');
    const error = Object.assign(coded('ADDON_NOT_FOUND', "Cannot find addon '.'"), { referrer });
    const refused: Error = await loadBinding(() => Promise.reject(error)).then(
      () => new Error('loaded'),
      (error: Error) => error,
    );
    expect(refused.message).toContain('cannot be loaded on');
    expect(refused.message).not.toContain('bundler');
  });

  it.each([
    [
      { platform: 'win32', versions: process.versions },
      /works on Linux and macOS only, and this is Windows; .*memory: .*redis:\/\//,
    ],
    [
      { platform: 'linux', versions: { ...process.versions, bun: '1.4.5' } },
      /does not work on Bun \(1\.4\.5\).*run the application with Node, or .*memory: /,
    ],
  ] as const)('names another back end where there are no such locks (%#)', async (where, text) => {
    await expect(loadBinding(undefined, { arch: 'x64', ...where })).rejects.toThrow(text);
  });
});
