import { closeSync, openSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startCoordinator } from '../coordinators.js';
import type { Scenario } from '../scenario.js';

interface KernelLock {
  tryLock(fd: number, offset: number, length: number, exclusive: boolean): void;
  unlock(fd: number, offset: number, length: number): void;
}

const BARE = 'kernel lock and unlock of an open file';

/** An uncontended acquire and release of a lock file. */
export const filePair: Scenario = {
  id: 'file',
  title: 'acquire + release, nobody else wants it, file back end',
  unit: 'µs',
  figure: 'median',
  operations: 500,
  rounds: 30,
  comparisons: [{ against: BARE, by: 'difference' }],
  prepare: async () => {
    const directory = await mkdtemp(join(tmpdir(), 'coordination-bench-'));
    const kernel = createRequire(import.meta.url)('fs-native-extensions/binding') as KernelLock;
    const path = join(directory, 'bare');
    const fd = openSync(path, 'w+');
    const lockAndUnlock = (file: number): void => {
      kernel.tryLock(file, 0, 0, true);
      kernel.unlock(file, 0, 0);
    };
    const coordinator = await startCoordinator(`file://${join(directory, 'state')}`);
    const lock = coordinator.getLock('ours');
    return {
      contenders: [
        { name: BARE, run: () => lockAndUnlock(fd) },
        {
          name: 'the same, with open and close',
          run: () => {
            const fresh = openSync(path, 'r+');
            lockAndUnlock(fresh);
            closeSync(fresh);
          },
        },
        {
          name: 'lock.acquire() + lock.release()',
          run: async () => {
            await lock.acquire();
            await lock.release();
          },
        },
      ],
      close: async () => {
        await coordinator.stop();
        closeSync(fd);
        await rm(directory, { recursive: true });
      },
    };
  },
};
