import { announce, breakLock, enqueue, tryAcquire, withdraw } from '../../support/driver-calls.js';
import { readdir, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { Instance } from '../../../lib/drivers/file/directory/instance.js';
import { LockFile } from '../../../lib/drivers/file/kernel/lock-file.js';
import { loadNativeLock } from '../../../lib/drivers/file/kernel/native-lock.js';
import { eventually } from '../../support/eventually.js';
import { granted, request } from '../../support/driver-suite.js';
import { useScratch } from '../../support/file-scratch.js';
import { acquireWaiting, waitAt } from '../../support/file-waiting.js';

describe('what the file driver leaves', () => {
  const scratch = useScratch();

  it('is a file of the same size after ten thousand leases', async () => {
    const directory = await scratch.directory();
    const driver = await scratch.started(directory);
    for (let cycle = 0; cycle < 10_000; cycle += 1) {
      await driver.locks.release(granted(await tryAcquire(driver, request('cycle'))));
    }
    const files = await readdir(join(directory, 'locks'));
    expect(files).toHaveLength(1);
    expect((await stat(join(directory, 'locks', files[0]!))).size).toBeLessThanOrEqual(2048);
  });

  it('is no descriptor and no socket after stop, but for the leases that are still held', async () => {
    const directory = await scratch.directory();
    const [a, b] = [await scratch.started(directory), await scratch.started(directory)];
    await announce(a, 'member-a');
    const held = granted(await tryAcquire(a, request('held')));
    const given = granted(await tryAcquire(a, request('given')));
    await waitAt(b, 'held');
    const waiting = acquireWaiting(b, 'given');
    await a.locks.release(given);
    await b.locks.release(await waiting);
    await Promise.all([a.stop(), b.stop()]);
    await eventually(async () => (await openBelow(directory)).length === 1);
    expect(await a.locks.release(held)).toBe(true);
    expect(await openBelow(directory)).toEqual([]);
    expect((await readdir(join(directory, 'instances'))).filter((entry) => entry.endsWith('.sock'))).toEqual(
      [],
    );
  });

  it('is no file of a member, neither after it was withdrawn nor once it has expired', async () => {
    const directory = await scratch.directory();
    const killed = await scratch.process(directory);
    await killed.announce('killed');
    const members = () => readdir(join(directory, 'records'));
    const [a, b] = [await scratch.started(directory), await scratch.started(directory)];
    const before = await members();
    await Promise.all([announce(a, 'a'), announce(b, 'b')]);
    const ours = (await members()).filter((name) => !before.includes(name));
    expect(ours).toHaveLength(2);
    await withdraw(a, 'a');
    await withdraw(b, 'b');
    expect((await members()).filter((name) => ours.includes(name))).toEqual([]);
    await killed.process.kill();
    await eventually(async () => (await b.records.get('members', 'killed')) === undefined);
    await scratch.started(directory);
    await eventually(async () => (await members()).length === 0);
  });

  it('is nothing of what is asked of it while it stops, or later', async () => {
    const directory = await scratch.directory();
    const holder = await scratch.process(directory);
    expect(await holder.try('frozen')).toBe(true);
    holder.process.freeze();
    const driver = await scratch.started(directory);
    const connections = () =>
      process.getActiveResourcesInfo().filter((kind) => /Pipe(Connect)?Wrap/.test(kind)).length;
    const before = connections();
    const breaking = breakLock(driver, 'frozen').catch((error: unknown) => error);
    await driver.stop();
    const late = enqueue(driver, request('frozen'), () => undefined);
    await expect(late.tryAcquire()).rejects.toThrow('stopped already');
    await late.leave();
    await eventually(() => connections() <= before, { within: 900 });
    expect(await openBelow(directory)).toEqual([]);
    expect(await breaking).toBeInstanceOf(Error);
    holder.process.thaw();
  });

  it('is the socket of a killed process until the next driver starts, and of nobody who lives', async () => {
    const directory = await scratch.directory();
    const instances = join(directory, 'instances');
    const sockets = async () =>
      (await readdir(instances))
        .filter((entry) => entry.endsWith('.sock'))
        .toSorted()
        .map((entry) => entry[0]);
    const first = await scratch.process(directory);
    const second = await scratch.process(directory);
    const third = await scratch.process(directory);
    expect(await sockets()).toEqual(['0', '1', '2']);
    // A driver tidies up from its start on, which may take a while on a busy machine.
    for (const { process } of [first, third]) process.freeze();
    await second.process.kill();
    await third.process.kill();
    expect(await sockets()).toEqual(['0', '1', '2']);
    await scratch.started(directory);
    expect(await sockets()).toEqual(['0', '1']);
    first.process.thaw();
    expect(await first.try('alive')).toBe(true);
  });

  it('is no share and no waiter of a process that is killed while its instance is taken over', async () => {
    const directory = await scratch.directory();
    const killed = await scratch.process(directory);
    const other = await scratch.started(directory);
    const held = granted(await tryAcquire(other, request('waited')));
    // Killed before it answers.
    killed.wait('waited').catch(() => undefined);
    for (const name of ['shared', 'kept']) expect(await killed.share(name)).toBe(true);
    await killed.keep('kept', 60_000);
    await eventually(async () => (await linksBelow(directory)).length === 3);
    const native = await loadNativeLock();
    const seat = join(directory, 'instances', '0');
    const take = Instance.take.bind(Instance);
    const taking = vi.spyOn(Instance, 'take').mockImplementationOnce((...args) => {
      process.kill(killed.pid, 'SIGKILL');
      while (LockFile.isTaken(seat, native));
      return take(...args);
    });
    const next = await scratch.started(directory);
    taking.mockRestore();
    expect(LockFile.read(seat)?.pid).toBe(process.pid);
    expect(await linksBelow(directory)).toEqual([]);
    expect(await other.locks.holders('shared')).toEqual([]);
    for (const name of ['shared', 'kept'])
      await other.locks.release(granted(await tryAcquire(other, request(name))));
    await other.locks.release(held);
    await next.locks.release(granted(await tryAcquire(next, request('waited'))));
  });

  it('does not grow with the number of starts', async () => {
    const directory = await scratch.directory();
    for (let start = 0; start < 20; start += 1) await (await scratch.started(directory)).stop();
    expect(await readdir(join(directory, 'instances'))).toEqual(['0']);
  });

  it('keeps no process alive that only serves others, and one that waits', async () => {
    const directory = await scratch.directory();
    const driver = await scratch.started(directory);
    const idle = await scratch.process(directory);
    const waiter = await scratch.process(directory);
    expect(await idle.try('idle')).toBe(true);
    const grant = granted(await tryAcquire(driver, request('waited')));
    const place = await waitAt(driver, 'idle');
    const waiting = waiter.wait('waited');
    await eventually(async () => (await openBelow(directory)).length > 0);
    waiter.process.child.channel?.unref();
    idle.process.child.disconnect();
    expect(await idle.process.exited).toEqual({ code: 0, signal: null });
    await place.leave();
    await driver.locks.release(grant);
    expect(await waiting).toBeTypeOf('bigint');
  });
});

/** The places of waiters, the shares and what blocks a lock after a share, of all processes. */
async function linksBelow(directory: string): Promise<string[]> {
  const queues = join(directory, 'queues');
  const buckets = await readdir(queues);
  return (await Promise.all(buckets.map((bucket) => readdir(join(queues, bucket))))).flat();
}

/** The files and sockets below a directory that this process has open. */
async function openBelow(directory: string): Promise<string[]> {
  const open = await readdir('/proc/self/fd');
  const targets = await Promise.all(open.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')));
  return targets.filter((target) => target.startsWith(directory));
}
