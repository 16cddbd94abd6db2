import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadNativeLock } from '../../../lib/drivers/file/kernel/native-lock.js';
import type { LockKind } from './locks.js';
import { poll } from './polling.js';

/** The bare lock of the kernel on a file that stays open; it knows no waiting that could be ended, so it is polled. */
export const kernel: LockKind = {
  id: 'kernel',
  name: 'kernel lock, polled every 10 ms',
  open: async ({ backendUrl }) => {
    const directory = fileURLToPath(backendUrl);
    const native = await loadNativeLock();
    const files: number[] = [];
    return {
      lock: (key) => {
        const file = openSync(`${directory}.${key}`, 'a+');
        files.push(file);
        const attempt = (): true | undefined => native.tryLock(file) || undefined;
        return {
          acquire: () => poll(attempt),
          release: () => Promise.resolve(native.unlock(file)),
        };
      },
      close: () => {
        for (const file of files) closeSync(file);
        return Promise.resolve();
      },
    };
  },
};
