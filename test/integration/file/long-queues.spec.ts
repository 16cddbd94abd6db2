import { enqueue, tryAcquire } from '../../support/driver-calls.js';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import type { QueuedWaiter } from '../../../lib/drivers/driver.js';
import type { FileDriver } from '../../../lib/drivers/file/file.driver.js';
import { granted, request } from '../../support/driver-suite.js';
import { eventually } from '../../support/eventually.js';
import { FakeClock } from '../../support/fake-clock.js';
import { useScratch } from '../../support/file-scratch.js';

const reads = vi.hoisted(() => ({ of: [] as string[] }));

vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  const readdirSync = (path: string, options?: { recursive: boolean }) => {
    if (path.includes('/queues/')) reads.of.push(path);
    return fs.readdirSync(path, options);
  };
  return { ...fs, readdirSync };
});

/** How many tickets there are. */
function linesUp(directory: string): number {
  return readdirSync(join(directory, 'queues'), { recursive: true }).filter((name) =>
    String(name).includes('.'),
  ).length;
}

describe('a long line at the file of a lock', () => {
  const scratch = useScratch();

  /** Waiters that line up at once; each tells its number when it is woken. */
  function crowd(driver: FileDriver, count: number, woken: (index: number) => void = () => undefined) {
    const places = Array.from({ length: count }, (_, index) =>
      enqueue(driver, request('wanted'), () => woken(index)),
    );
    return { places, tries: Promise.all(places.map((place) => place.tryAcquire())) };
  }

  /** The turns of the event loop until then. */
  async function turnsUntil(done: Promise<unknown>): Promise<number> {
    let [turns, over] = [0, false];
    const count = (): void => {
      turns += 1;
      if (!over) setImmediate(count);
    };
    setImmediate(count);
    await done;
    over = true;
    return turns;
  }

  it('is joined in many turns of the event loop, and without reading it again and again', async () => {
    const driver = await scratch.started(await scratch.directory());
    const grant = granted(await tryAcquire(driver, request('wanted')));
    reads.of = [];
    const { places, tries } = crowd(driver, 2000);
    expect(await turnsUntil(tries)).toBeGreaterThan(15);
    expect((await tries).every((reply) => !reply.granted)).toBe(true);
    expect(reads.of.length).toBeLessThan(10);
    for (const place of places) await place.leave();
    await driver.locks.release(grant);
  });

  it('is served in its order, at a cost that does not grow with it', async () => {
    // Time stands still: only what has changed is a reason to read it.
    const driver = await scratch.started(await scratch.directory(), new FakeClock());
    let held = granted(await tryAcquire(driver, request('wanted')));
    const woken: number[] = [];
    const { places, tries } = crowd(driver, 1000, (index) => woken.push(index));
    await tries;
    reads.of = [];
    const served: number[] = [];
    while (served.length < places.length) {
      woken.length = 0;
      await driver.locks.release(held);
      // Nobody else, but perhaps twice.
      expect([...new Set(woken)]).toEqual([served.length]);
      const place = places[served.length]!;
      held = granted(await place.tryAcquire());
      served.push(woken[0]!);
      await place.leave();
    }
    await driver.locks.release(held);
    expect(reads.of.length).toBeLessThan(20);
  });

  it('keeps its order where the waiters of two drivers come by turns', async () => {
    const directory = await scratch.directory();
    // Time stands still, so nobody is passed over who is slow to answer on a busy machine.
    const clock = new FakeClock();
    const drivers = [await scratch.started(directory, clock), await scratch.started(directory, clock)];
    const grant = granted(await tryAcquire(drivers[0]!, request('wanted')));
    const order: number[] = [];
    const turns: Promise<void>[] = [];
    for (let index = 0; index < 200; index += 1) {
      const driver = drivers[index % 2]!;
      turns.push(
        new Promise((resolve, reject) => {
          const place: QueuedWaiter = enqueue(driver, request('wanted'), () => void take().catch(reject));
          const take = async (): Promise<void> => {
            const reply = await place.tryAcquire();
            if (!reply.granted) return;
            order.push(index);
            await place.leave();
            await driver.locks.release(reply.grant);
            resolve();
          };
          take().catch(reject);
        }),
      );
      await eventually(() => linesUp(directory) === index + 1);
    }
    reads.of = [];
    await drivers[0]!.locks.release(grant);
    await Promise.all(turns);
    expect(order).toEqual(Array.from({ length: 200 }, (_, index) => index));
    expect(reads.of.length).toBeLessThan(200);
  });
});
