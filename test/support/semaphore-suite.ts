import { setTimeout as after } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type CoordinationOptions,
  CoordinatorService,
  InvalidOptionsError,
  type Lease,
  LeaseLostError,
  LimitReachedError,
  type Semaphore,
  type SemaphoreOptions,
} from 'nestjs-coordination';
import { RecordedLog } from './recorded-log.js';
import type { BackendHarness } from './shared-suite.js';

/** What a semaphore promises, on whichever back end. Each coordinator stands for a process of its own. */
export function describeSemaphores(backend: string, { begin, end }: BackendHarness): void {
  describe(`semaphores on ${backend}`, () => {
    let backendUrl = '';
    let name = '';
    let count = 0;
    const coordinators: CoordinatorService[] = [];

    beforeAll(async () => {
      RecordedLog.install();
      backendUrl = await begin();
    });
    beforeEach(() => {
      name = `exports-${(count += 1)}`;
    });
    afterEach(async () => {
      await Promise.all(coordinators.splice(0).map((coordinator) => coordinator.stop()));
    });
    afterAll(end);

    async function semaphores(
      permits: number,
      options: SemaphoreOptions = {},
      settings: CoordinationOptions = {},
    ): Promise<[Semaphore, Semaphore]> {
      for (let index = 0; index < 2; index += 1) {
        const made = new CoordinatorService({ backendUrl, ttl: 5000, stopTimeout: 500, ...settings });
        coordinators.push(made);
        await made.start();
      }
      const [a, b] = coordinators as [CoordinatorService, CoordinatorService];
      return [a.getSemaphore(name, permits, options), b.getSemaphore(name, permits, options)];
    }

    async function giveBack(permits: readonly Lease[]): Promise<void> {
      for (const permit of permits) expect(await permit.release()).toBe(true);
    }

    it('tells how long a refused call should wait, also one that has waited', async () => {
      const [a, b] = await semaphores(2);
      const permits = [await a.hold(), await a.hold()];
      const retryAfter = async (blocking: number | false): Promise<number> => {
        const refused: unknown = await b.hold({ blocking }).catch((error: unknown) => error);
        expect(refused).toBeInstanceOf(LimitReachedError);
        return (refused as LimitReachedError).retryAfter ?? 0;
      };
      // On files nobody knows when a lease ends.
      const known = (await retryAfter(false)) > 1000;
      const waiting = [retryAfter(600), retryAfter(500)];
      // Those find each permit waited for by this process already.
      await after(100);
      waiting.push(retryAfter(200), retryAfter(300), retryAfter(false));
      for (const ms of await Promise.all(waiting)) expect(ms > 1000).toBe(known);
      await giveBack(permits);
    });

    it('gives so many permits over all replicas, each a lease of its own, and refuses the next one', async () => {
      const [a, b] = await semaphores(3);
      expect(await a.available()).toBe(3);
      const permits = [await a.hold(), await b.hold(), await a.hold()];
      expect(new Set(permits.map((permit) => permit.name)).size).toBe(3);
      for (const semaphore of [a, b]) {
        const refused = await semaphore.hold({ blocking: false }).catch((error: unknown) => error);
        expect(refused).toBeInstanceOf(LimitReachedError);
        expect(refused).toMatchObject({ code: 'LIMIT_REACHED' });
        expect((refused as LimitReachedError).getStatus()).toBe(429);
        expect(String(refused)).toContain(`Semaphore "${name}"`);
      }
      expect(await b.available()).toBe(0);
      expect(await permits[1]!.release()).toBe(true);
      expect(await b.available()).toBe(1);
      permits[1] = await b.hold({ blocking: false });
      await giveBack(permits);
      expect(await a.available()).toBe(3);
    });

    it('gives a waiting call the first permit that is freed, whichever it is', async () => {
      const [a, b] = await semaphores(3);
      const permits = [await a.hold(), await b.hold(), await a.hold()];
      for (let index = 0; index < 3; index += 1) {
        const waits = countWaits(coordinators, /^permit:\d/);
        const waiting = b.hold({ blocking: 10_000 });
        await expect.poll(waits).toBe(3);
        expect(await permits[index]!.release()).toBe(true);
        permits[index] = await waiting;
      }
      await giveBack(permits);
    });

    it('never has more holders than permits, and has as many when they are wanted', async () => {
      const [a, b] = await semaphores(3);
      let [inside, most] = [0, 0];
      const workers = Array.from({ length: 12 }, async (_, index) => {
        for (let round = 0; round < 4; round += 1) {
          await (index % 2 === 0 ? a : b).using({ blocking: 30_000 }, async () => {
            inside += 1;
            most = Math.max(most, inside);
            await after(5);
            inside -= 1;
          });
        }
      });
      await Promise.all(workers);
      expect(most).toBe(3);
      expect(await a.available()).toBe(3);
    });

    it('lets nobody in before the call that waits first', async () => {
      const [a, b] = await semaphores(2);
      const permits = [await a.hold(), await a.hold()];
      const waits = countWaits(coordinators);
      const waiting = b.hold({ blocking: 10_000 });
      // For its turn, which nobody has, it need not wait; for the permits it does.
      await expect.poll(waits).toBe(2);
      const newcomer = coordinators[0]!.getSemaphore(name, 2);
      const released = permits[0]!.release();
      await expect(newcomer.hold({ blocking: false })).rejects.toThrow(LimitReachedError);
      expect(await released).toBe(true);
      await giveBack([permits[1]!, await waiting]);
    });

    it('keeps the order of the calls that wait, where it is asked for', async () => {
      const [a, b] = await semaphores(2, { fair: true });
      const permits = [await a.hold(), await b.hold()];
      const order: number[] = [];
      const waiting: Promise<void>[] = [];
      for (let index = 0; index < 6; index += 1) {
        const waits = countWaits(coordinators);
        waiting.push(
          (index % 2 === 0 ? b : a).using({ blocking: 30_000 }, async () => {
            order.push(index);
            await after(20);
          }),
        );
        await expect.poll(waits).toBe(index === 0 ? 2 : 1);
      }
      expect(await permits[0]!.release()).toBe(true);
      await Promise.all(waiting);
      expect(order).toEqual([0, 1, 2, 3, 4, 5]);
      expect(await permits[1]!.release()).toBe(true);
    });

    it('gives up in time, at the abort of the signal, and at the stop of the coordinator', async () => {
      const [a, b] = await semaphores(2);
      const permits = [await a.hold(), await a.hold()];
      await expect(b.hold({ blocking: 200 })).rejects.toThrow(
        /within 200 ms, all of its 2 permits are taken/,
      );
      const abort = new AbortController();
      const waits = countWaits(coordinators);
      const aborted = b.hold({ blocking: 10_000, signal: abort.signal });
      await expect.poll(waits).toBeGreaterThan(0);
      abort.abort(new Error('the client has left'));
      await expect(aborted).rejects.toThrow('the client has left');
      const refused = expect(b.hold()).rejects.toThrow(/shutting down/);
      await expect.poll(waits).toBeGreaterThan(2);
      await coordinators[1]!.stop();
      await refused;
      await giveBack(permits);
      expect(await a.available()).toBe(2);
    });

    it('loses a permit that is broken, and tells who has it', async () => {
      const [a, b] = await semaphores(1, {}, { heartbeat: 150 });
      const body = a.using(async (permit) => {
        expect(await coordinators[1]!.getLock(permit.name).break()).toBe(true);
        await expect.poll(() => permit.signal.aborted).toBe(true);
      });
      await expect(body).rejects.toThrow(LeaseLostError);
      await giveBack([await b.hold({ blocking: 5000 })]);
    });

    it('goes down to a smaller number as those above it end, and up at once', async () => {
      const [a] = await semaphores(4);
      const many = await Promise.all(Array.from({ length: 4 }, () => a.hold()));
      const fewer = coordinators[1]!.getSemaphore(name, 2);
      await expect(fewer.hold({ blocking: false })).rejects.toThrow(LimitReachedError);
      // Those whose permits the smaller number does not have keep them until they end.
      const above = many.filter((permit) => /^permit:[34]:/.test(permit.name));
      const below = many.filter((permit) => !above.includes(permit));
      await giveBack(above);
      await expect(fewer.hold({ blocking: false })).rejects.toThrow(LimitReachedError);
      await giveBack(below);
      const two = [await fewer.hold({ blocking: false }), await fewer.hold({ blocking: false })];
      await expect(fewer.hold({ blocking: false })).rejects.toThrow(LimitReachedError);
      const more = coordinators[1]!.getSemaphore(name, 3);
      two.push(await more.hold({ blocking: false }));
      await expect(more.hold({ blocking: false })).rejects.toThrow(LimitReachedError);
      await giveBack(two);
    });

    it('refuses what is no semaphore, with every reason', async () => {
      await semaphores(1);
      const [coordinator] = coordinators as [CoordinatorService];
      for (const permits of [0, 1.5, 1001, Number.NaN, '3' as unknown as number])
        expect(() => coordinator.getSemaphore(name, permits)).toThrow(/permits must be a whole number/);
      const wrong = { shared: true, blocking: 'soon' } as SemaphoreOptions;
      expect(() => coordinator.getSemaphore(name, 1, wrong)).toThrow(InvalidOptionsError);
      expect(() => coordinator.getSemaphore(name, 1, wrong)).toThrow(/unknown option 'shared'.*blocking/);
      expect(() => coordinator.getSemaphore('', 1)).toThrow(/non-empty string/);
    });
  });
}

/** How many calls have begun to wait since, for locks of such names. */
function countWaits(coordinators: readonly CoordinatorService[], names = /^permit:/): () => number {
  let waits = 0;
  for (const coordinator of coordinators)
    coordinator.on('lease.waiting', ({ lock }) => (waits += names.test(lock) ? 1 : 0));
  return () => waits;
}
