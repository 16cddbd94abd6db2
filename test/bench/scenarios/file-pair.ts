import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadNativeLock, type NativeLock } from '../../../lib/drivers/file/kernel/native-lock.js';
import { contendersHere, merged } from '../contenders.js';
import { pairOf } from '../locks/index.js';
import type { Contender, Scenario, Setup } from '../scenario.js';
import { medianOf } from '../timed.js';

const BARE = 'kernel lock and unlock of an open file';

/** An uncontended acquire and release of a lock file. */
export const filePair: Scenario = {
  id: 'file',
  title: 'acquire + release, nobody else wants it, file back end',
  size: 500,
  sizeUnit: 'pairs',
  rounds: 30,
  warmUps: 15,
  short: { size: 25, rounds: 2, warmUps: 1 },
  measures: [{ key: 'pair', label: 'p50', unit: 'µs', better: 'lower' }],
  comparisons: [{ measure: 'pair', against: BARE, by: 'difference' }],
  prepare: async (bench) => {
    const place = await bench.files();
    const ours = contendersHere(['ours'], place, (locks) => {
      const pair = pairOf(locks.lock('pair'));
      return async (size) => ({ pair: await medianOf(pair, size) });
    });
    return merged(bare(`${fileURLToPath(place.backendUrl)}.bare`, await loadNativeLock()), ours);
  },
};

function bare(path: string, kernel: NativeLock): Setup {
  const fd = openSync(path, 'w+');
  const lockAndUnlock = (file: number): void => {
    kernel.tryLock(file);
    kernel.unlock(file);
  };
  const withOpen = (): void => {
    const fresh = openSync(path, 'r+');
    lockAndUnlock(fresh);
    closeSync(fresh);
  };
  const contender = (name: string, pair: () => void): Contender => ({
    name,
    measure: async (size) => ({ pair: await medianOf(pair, size) }),
  });
  return {
    contenders: [
      contender(BARE, () => lockAndUnlock(fd)),
      contender('the same, with open and close', withOpen),
    ],
    close: () => Promise.resolve(closeSync(fd)),
  };
}
