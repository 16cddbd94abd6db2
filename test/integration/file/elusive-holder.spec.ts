import { join } from 'node:path';
import { expect, it } from 'vitest';
import { systemClock } from '../../../lib/common/clock.js';
import { breakLock } from '../../../lib/drivers/file/holder/break-lock.js';
import { LockFile } from '../../../lib/drivers/file/kernel/lock-file.js';
import { loadNativeLock } from '../../../lib/drivers/file/kernel/native-lock.js';
import { Peers } from '../../../lib/drivers/file/peers/peers.js';
import { useScratch } from '../../support/file-scratch.js';

const scratch = useScratch();

it('breaking the lease of a lock that was handed on meanwhile breaks no later one', async () => {
  const native = await loadNativeLock();
  const path = join(await scratch.directory(), 'lock');
  const file = LockFile.take(path, native)!;
  let leases = 0;
  const handOn = (): void => {
    leases += 1;
    file.store({ pid: process.pid, memberId: 'm', grantId: `${leases}`, socket: '/none', name: 'busy' });
  };
  // Whoever is asked has let go by then, and the next one holds it.
  class LatePeers extends Peers {
    override break(): Promise<'unheld'> {
      handOn();
      return Promise.resolve('unheld');
    }
  }
  handOn();
  const breaking = breakLock(
    { name: 'busy', id: '1', path },
    native,
    new LatePeers(systemClock),
    systemClock,
  );
  expect(await breaking).toBe(false);
  file.free();
});
