import { tryAcquire } from '../../support/driver-calls.js';
import { readdirSync } from 'node:fs';
import { link, mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../lib/common/clock.js';
import type { Grant, QueuedWaiter } from '../../../lib/drivers/driver.js';
import type { FileDriver } from '../../../lib/drivers/file/file.driver.js';
import { LockFile } from '../../../lib/drivers/file/kernel/lock-file.js';
import { StateDirectory } from '../../../lib/drivers/file/directory/state-directory.js';
import { eventually } from '../../support/eventually.js';
import { granted, request } from '../../support/driver-suite.js';
import type { FileProcess, FileProcessOptions } from '../../support/file-process.js';
import { useScratch } from '../../support/file-scratch.js';
import { acquireWaiting, waitAt } from '../../support/file-waiting.js';
import { slowed } from '../../support/wrong-clock.js';

const LOCK = 'wanted';
/** How much slower time goes where none is to be passed over because a busy machine kept it from answering. */
const SLOW = 4;
/** The longest that one which does not answer may keep the others off, ms; the rest is a busy machine. */
const PASSED_OVER = 30_000;

describe('the order of those who wait for a file', () => {
  const scratch = useScratch();

  /** Processes which wait one behind the other, as far as they come to it. */
  async function inLine(directory: string, processes: readonly FileProcess[]): Promise<Promise<bigint>[]> {
    const turns: Promise<bigint>[] = [];
    const before = (await tickets(directory)).length;
    for (const process of processes) {
      const turn = process.wait(LOCK);
      // Those that are killed never come to it.
      turn.catch(() => undefined);
      turns.push(turn);
      await eventually(async () => (await tickets(directory)).length === before + turns.length);
    }
    return turns;
  }

  async function crew(directory: string, size: number, options?: FileProcessOptions): Promise<FileProcess[]> {
    return Promise.all(Array.from({ length: size }, () => scratch.process(directory, options)));
  }

  it('is that in which they came, over all processes', async () => {
    const directory = await scratch.directory();
    const driver = await scratch.started(directory);
    const grant = granted(await tryAcquire(driver, request(LOCK)));
    const processes = await crew(directory, 4, { slow: SLOW });
    const turns = await inLine(directory, processes);
    await driver.locks.release(grant);
    const times: bigint[] = [];
    for (const [index, process] of processes.entries()) {
      times.push(await turns[index]!);
      await process.release(LOCK);
    }
    expect(times).toEqual(times.toSorted((a, b) => Number(a - b)));
    expect(await tickets(directory)).toEqual([]);
  });

  it('stays the same when they line up again and again', async () => {
    const directory = await scratch.directory();
    const processes = await crew(directory, 3, { slow: SLOW });
    const order: number[] = [];
    const [first] = processes;
    expect(await first!.try(LOCK)).toBe(true);
    const turns = await inLine(directory, processes.slice(1));
    turns.unshift(Promise.resolve(0n));
    for (let round = 0; round < 10; round += 1) {
      for (const [index, process] of processes.entries()) {
        await turns[index];
        order.push(index);
        const last = await lastSequence(directory);
        const freed = process.release(LOCK);
        // Sent after the release: it comes back as the last one.
        turns[index] = process.wait(LOCK);
        await freed;
        // The next one may have the lock by then, and give it back before this one has come to it.
        await eventually(async () => (await lastSequence(directory)) > last);
      }
    }
    expect(order).toEqual(Array.from({ length: 10 }, () => [0, 1, 2]).flat());
    for (const [index, process] of processes.entries()) {
      await turns[index];
      await process.release(LOCK);
    }
  });

  it('keeps out who comes while the lock is free for the first one', async () => {
    const directory = await scratch.directory();
    const driver = await scratch.started(directory, slowed(systemClock, SLOW));
    const grant = granted(await tryAcquire(driver, request(LOCK)));
    const processes = await crew(directory, 2, { slow: SLOW });
    const [turn] = await inLine(directory, processes.slice(0, 1));
    processes[0]!.process.freeze();
    await driver.locks.release(grant);
    expect((await tryAcquire(driver, request(LOCK))).granted).toBe(false);
    expect(await processes[1]!.try(LOCK)).toBe(false);
    processes[0]!.process.thaw();
    await turn;
  });

  it('goes on at once with the next one when the first one is killed', async () => {
    const directory = await scratch.directory();
    const driver = await scratch.started(directory);
    const grant = granted(await tryAcquire(driver, request(LOCK)));
    const processes = await crew(directory, 4, { slow: SLOW });
    const turns = await inLine(directory, processes);
    await Promise.all([processes[0]!.process.kill(), processes[2]!.process.kill()]);
    await driver.locks.release(grant);
    await turns[1];
    await processes[1]!.release(LOCK);
    await turns[3];
    await processes[3]!.release(LOCK);
    expect(await tickets(directory)).toEqual([]);
  });

  it('goes on with the next one when the first one is killed before it takes the free lock', async () => {
    const directory = await scratch.directory();
    const driver = await scratch.started(directory);
    const grant = granted(await tryAcquire(driver, request(LOCK)));
    const processes = await crew(directory, 2);
    const turns = await inLine(directory, processes);
    processes[0]!.process.freeze();
    await driver.locks.release(grant);
    await processes[0]!.process.kill();
    await turns[1];
  });

  it('goes on with the next one when the holder is killed', async () => {
    const directory = await scratch.directory();
    const [holder, ...processes] = await crew(directory, 3, { slow: SLOW });
    expect(await holder!.try(LOCK)).toBe(true);
    const turns = await inLine(directory, processes);
    await holder!.process.kill();
    const first = await turns[0]!;
    await processes[0]!.release(LOCK);
    expect(await turns[1]!).toBeGreaterThan(first);
  });

  it('goes on without those who leave', async () => {
    const directory = await scratch.directory();
    const driver = await scratch.started(directory);
    const grant = granted(await tryAcquire(driver, request(LOCK)));
    const processes = await crew(directory, 4, { slow: SLOW });
    const turns = await inLine(directory, processes);
    for (const index of [0, 2]) {
      await processes[index]!.giveUp(LOCK);
      await expect(turns[index]).rejects.toThrow('given up');
    }
    expect(await tickets(directory)).toHaveLength(2);
    await driver.locks.release(grant);
    await turns[1];
    await processes[1]!.release(LOCK);
    await turns[3];
  });

  it('sends to the tail who is stopped when it is its turn, and its fellows', async () => {
    const directory = await scratch.directory();
    const driver = await scratch.started(directory);
    const grant = granted(await tryAcquire(driver, request(LOCK)));
    const processes = await crew(directory, 4);
    const turns = await inLine(directory, processes);
    const [first, second, third, last] = processes as [FileProcess, FileProcess, FileProcess, FileProcess];
    first.process.freeze();
    second.process.freeze();
    const before = process.hrtime.bigint();
    await driver.locks.release(grant);
    const took = Number((await turns[2]!) - before) / 1e6;
    expect(took).toBeLessThan(PASSED_OVER);
    first.process.thaw();
    second.process.thaw();
    // Behind the one that still waits.
    await eventually(async () => (await tickets(directory)).length === 3);
    await third.release(LOCK);
    const at = await turns[3]!;
    await last.release(LOCK);
    const [one, other] = await Promise.all(
      [first, second].map(async (process, index) => {
        const turn = await turns[index]!;
        await process.release(LOCK);
        return turn;
      }),
    );
    expect(one).toBeGreaterThan(at);
    expect(other).toBeGreaterThan(at);
    expect(await tickets(directory)).toEqual([]);
  });

  it('does not keep off for ever who only tries, when the one that waits is stopped', async () => {
    const directory = await scratch.directory();
    const driver = await scratch.started(directory);
    const grant = granted(await tryAcquire(driver, request(LOCK)));
    const waiter = await scratch.process(directory);
    const [turn] = await inLine(directory, [waiter]);
    waiter.process.freeze();
    await driver.locks.release(grant);
    const next = await eventually(
      async () => {
        const reply = await tryAcquire(driver, request(LOCK));
        return reply.granted && reply.grant;
      },
      { within: PASSED_OVER },
    );
    waiter.process.thaw();
    await eventually(async () => (await tickets(directory)).length === 1);
    await driver.locks.release(next);
    await turn;
  });

  it('does not keep up those who can take the lock behind one that cannot', async () => {
    const directory = await scratch.directory();
    const [a, b] = [await scratch.started(directory), await scratch.started(directory)];
    const grant = granted(await tryAcquire(a, request(LOCK)));
    const unable = await waitAt(a, LOCK);
    const waiting = acquireWaiting(b, LOCK);
    await a.locks.release(grant);
    vi.spyOn(LockFile.prototype, 'store').mockImplementationOnce(() => {
      throw new Error('ENOSPC: no space left');
    });
    await expect(unable.tryAcquire()).rejects.toThrow('ENOSPC');
    await b.locks.release(await waiting);
    await a.locks.release(granted(await unable.tryAcquire()));
    await unable.leave();
  });

  it('wakes one of those who wait in a process, whatever their number', async () => {
    const directory = await scratch.directory();
    const [a, b] = [await scratch.started(directory), await scratch.started(directory)];
    const grant = granted(await tryAcquire(a, request(LOCK)));
    const wakes: string[] = [];
    const places: QueuedWaiter[] = [];
    for (const [name, driver] of [...Array.from({ length: 5 }, () => ['a', a] as const), ['b', b] as const]) {
      places.push(await waitAt(driver, LOCK, () => wakes.push(`${name}${places.length}`)));
    }
    wakes.length = 0;
    await a.locks.release(grant);
    await eventually(() => wakes.length > 0);
    const next = granted(await places[0]!.tryAcquire());
    for (const place of places.slice(1)) expect((await place.tryAcquire()).granted).toBe(false);
    expect(wakes).toHaveLength(1);
    await a.locks.release(next);
    await eventually(() => wakes.length > 1);
    for (const place of places.slice(1)) await place.leave();
    expect(wakes.length).toBeLessThan(20);
  });

  it('is not kept up by a ticket that nobody has', async () => {
    const directory = await scratch.directory();
    const [a, b] = [await scratch.started(directory), await scratch.started(directory)];
    await a.locks.release(granted(await tryAcquire(a, request(LOCK))));
    const { folder, stem } = new StateDirectory(directory).queue(LOCK);
    await mkdir(folder, { recursive: true });
    for (const instance of [0, 1, 7]) {
      await link(new StateDirectory(directory).lock(LOCK), join(folder, `${stem}.1.${instance}`));
    }
    expect((await tryAcquire(a, request(LOCK))).granted).toBe(false);
    await Promise.all([a, b].map(async (driver) => driver.locks.release(await acquireWaiting(driver, LOCK))));
    expect(await tickets(directory)).toEqual([]);
  });

  it('is given up where the directory was removed: they take their chance', async () => {
    const directory = join(await scratch.directory(), 'd');
    const ttl = 300;
    const [a, b] = [
      await scratch.started(directory, systemClock, ttl),
      await scratch.started(directory, systemClock, ttl),
    ];
    await rename(directory, `${directory}-away`);
    const fresh = await scratch.started(directory);
    const grant = granted(await tryAcquire(fresh, request(LOCK)));
    // Who has another directory than before is refused for a ttl.
    const patiently = (driver: FileDriver): Promise<Grant> =>
      eventually(() => acquireWaiting(driver, LOCK).catch(() => undefined));
    const waiting = [a, b, fresh].map(async (driver) => driver.locks.release(await patiently(driver)));
    await eventually(async () => (await tickets(directory)).length > 0);
    await fresh.locks.release(grant);
    expect(await Promise.all(waiting)).toEqual([true, true, true]);
  });

  it('tells the next one that it is the first now when the work of the one before it has begun', async () => {
    const directory = await scratch.directory();
    const [holder, first, second] = await Promise.all([1, 2, 3].map(() => scratch.started(directory)));
    const grant = granted(await tryAcquire(holder!, request(LOCK)));
    const turn = acquireWaiting(first!, LOCK);
    await eventually(async () => (await tickets(directory)).length === 1);
    const place = await waitAt(second!, LOCK);
    await holder!.locks.release(grant);
    const mine = await turn;
    // A promise's callbacks run before anything else does.
    expect(ticketsNow(directory)).toHaveLength(2);
    await eventually(() => ticketsNow(directory).length === 1);
    // One that is over sooner has left, too.
    await place.leave();
    const again = acquireWaiting(second!, LOCK);
    await eventually(() => ticketsNow(directory).length === 1);
    await first!.locks.release(mine);
    await second!.locks.release(await again);
    expect(ticketsNow(directory)).toEqual([]);
  });

  it('leaves nothing behind', async () => {
    const directory = await scratch.directory();
    const driver = await scratch.started(directory);
    const grant = granted(await tryAcquire(driver, request(LOCK)));
    const processes = await crew(directory, 3);
    void (await inLine(directory, processes));
    await processes[2]!.stop();
    // The one would remove what the other leaves.
    processes[1]!.process.freeze();
    await Promise.all([processes[0]!.process.kill(), processes[1]!.process.kill()]);
    expect(await tickets(directory)).toHaveLength(2);
    // Who starts takes an instance of theirs, and is not taken for them.
    await scratch.started(directory);
    expect(await tickets(directory)).toEqual([]);
    await driver.locks.release(grant);
    granted(await tryAcquire(driver, request(LOCK)));
  });
});

/** The number of the one who has come last, of those who wait. */
async function lastSequence(directory: string): Promise<number> {
  const sequences = (await tickets(directory)).map((id) => Number(id.split('.')[1]));
  return Math.max(...sequences);
}

async function tickets(directory: string): Promise<string[]> {
  return Promise.resolve(ticketsNow(directory));
}

function ticketsNow(directory: string): string[] {
  const entries = readdirSync(join(directory, 'queues'), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}
