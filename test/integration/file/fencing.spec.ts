import { fencedRequest, tokenOf, tryAcquire } from '../../support/driver-calls.js';
import { execFile } from 'node:child_process';
import { openSync, closeSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { encodeSlot, newestSlot, SLOT_SIZE } from '../../../lib/drivers/file/kernel/owner-record.js';
import type { FileDriver } from '../../../lib/drivers/file/file.driver.js';
import { StateDirectory } from '../../../lib/drivers/file/directory/state-directory.js';
import { granted } from '../../support/driver-suite.js';
import { eventually } from '../../support/eventually.js';
import { useScratch } from '../../support/file-scratch.js';
import { FakeClock } from '../../support/fake-clock.js';
import { clockOffBy } from '../../support/wrong-clock.js';

const run = promisify(execFile);
const HOUR = 3_600_000;

describe('the fencing tokens of the file driver', () => {
  const scratch = useScratch();

  async function takeAndRelease(driver: FileDriver, name: string): Promise<number> {
    const grant = granted(await tryAcquire(driver, fencedRequest(name)));
    expect(await driver.locks.release(grant)).toBe(true);
    return tokenOf(grant);
  }

  it('follow the order of the leases of several processes whose clocks disagree', async () => {
    const directory = await scratch.directory();
    const processes = await Promise.all(
      [0, HOUR, -HOUR].map((clockOff) => scratch.process(directory, { clockOff })),
    );
    const leases = (await Promise.all(processes.map((process) => process.fence('busy', 100)))).flat();
    const tokens = leases.toSorted((a, b) => Number(a.at - b.at)).map(({ token }) => token);
    expect(tokens).toHaveLength(300);
    expect(tokens).toEqual([...new Set(tokens)].toSorted((a, b) => a - b));
    expect(tokens.every(Number.isSafeInteger)).toBe(true);
  });

  it('grow over processes that are killed at any moment, each with a clock behind the last', async () => {
    const directory = await scratch.directory();
    // Beside it: a directory of locks holds nothing else.
    const file = join(await scratch.directory(), 'tokens');
    await writeFile(file, '');
    const lines = async () => (await readFile(file, 'utf8')).split('\n').slice(0, -1).map(Number);
    for (let round = 0; round < 8; round += 1) {
      const before = (await lines()).length;
      const process = await scratch.process(directory, { clockOff: -round * HOUR });
      process.fenceForEver('killed', file);
      await eventually(async () => (await lines()).length > before + 20 + 7 * round, { every: 0 });
      await process.process.kill('SIGKILL');
    }
    const tokens = await lines();
    const falls = tokens.filter((token, index) => index > 0 && !(token > tokens[index - 1]!));
    expect(falls).toEqual([]);
  });

  it('grow over a holder that is stopped, and killed, between its lock and its record', async () => {
    const directory = await scratch.directory();
    const late = await scratch.started(directory, clockOffBy(-HOUR));
    const last = await takeAndRelease(await scratch.started(directory), 'nameless');
    const holder = await scratch.process(directory);
    await holder.seize('nameless');
    holder.process.freeze();
    expect((await tryAcquire(late, fencedRequest('nameless'))).granted).toBe(false);
    await holder.process.kill('SIGKILL');
    expect(await takeAndRelease(late, 'nameless')).toBe(last + 1);
  });

  it('grow over a record that was cut short, wherever that was', async () => {
    const directory = await scratch.directory();
    const path = new StateDirectory(directory).lock('torn');
    let last = await takeAndRelease(await scratch.started(directory), 'torn');
    const late = await scratch.started(directory, clockOffBy(-HOUR));
    const slot = Buffer.alloc(SLOT_SIZE);
    const record = { pid: 1, memberId: 'm', grantId: 'never granted', socket: '/none', name: 'torn' };
    const length = encodeSlot(slot, 1, 1, record);
    for (let cut = 1; cut < length; cut += 1) {
      const bytes = readFileSync(path);
      const newest = newestSlot(bytes, bytes.length)!;
      encodeSlot(slot, newest.sequence + 1, last + 1000, record);
      const fd = openSync(path, 'r+');
      writeSync(fd, slot, 0, cut, newest.slot === 0 ? SLOT_SIZE : 0);
      closeSync(fd);
      const token = await takeAndRelease(late, 'torn');
      expect(token).toBe(last + 1);
      last = token;
    }
  });

  it('grow in one process whose wall clock is set back, and go on by the clock once it has caught up', async () => {
    const clock = new FakeClock();
    const driver = await scratch.started(await scratch.directory(), clock);
    const first = await takeAndRelease(driver, 'set back');
    expect(first).toBe(clock.wall() * 1000);
    clock.stepWall(-HOUR);
    for (let lease = 1; lease <= 5; lease += 1) {
      expect(await takeAndRelease(driver, 'set back')).toBe(first + lease);
    }
    clock.stepWall(HOUR + 1);
    expect(await takeAndRelease(driver, 'set back')).toBe(first + 1000);
  });

  it('are not given, and not forgotten, when they cannot be stored', async () => {
    const directory = await scratch.directory();
    const late = await scratch.started(directory, clockOffBy(-HOUR));
    const process = await scratch.process(directory);
    const [before] = await process.fence('full', 1);
    let last = before!.token;
    // A limit on the size of files stands in for a full disk: no room at all, and a second slot that is cut short.
    for (const room of [0, 1100]) {
      await run('prlimit', ['--pid', String(process.pid), `--fsize=${room}:`]);
      await expect(process.fence('full', 1)).rejects.toThrow('failed to store the holder of "full"');
      const token = await takeAndRelease(late, 'full');
      expect(token).toBe(last + 1);
      last = await takeAndRelease(late, 'full');
      expect(last).toBe(token + 1);
    }
    await run('prlimit', ['--pid', String(process.pid), '--fsize=unlimited:']);
    const [after] = await process.fence('full', 1);
    expect(after!.token).toBeGreaterThan(last);
  });

  it('go on by the clock in a file that was put in the place of the one that counted', async () => {
    const clock = new FakeClock();
    const directory = await scratch.directory();
    const path = new StateDirectory(directory).lock('replaced');
    const driver = await scratch.started(directory, clock);
    const last = await takeAndRelease(driver, 'replaced');
    clock.stepWall(1);
    renameSync(path, `${path}-gone`);
    expect(await takeAndRelease(driver, 'replaced')).toBe(last + 1000);
  });
});
