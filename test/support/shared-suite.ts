import { setTimeout as after } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type CoordinationOptions,
  CoordinatorService,
  InvalidOptionsError,
  LeaseLostError,
  type Lock,
} from 'nestjs-coordination';
import { RecordedLog } from './recorded-log.js';

export interface BackendHarness {
  /** Resolves to the URL. */
  readonly begin: () => Promise<string>;
  readonly end: () => Promise<void>;
}

/** What a lock that may be shared promises, on whichever back end. Each coordinator stands for a process of its own. */
export function describeSharedLocks(backend: string, { begin, end }: BackendHarness): void {
  describe(`shared locks on ${backend}`, () => {
    let backendUrl = '';
    let name = '';
    let count = 0;
    const coordinators: CoordinatorService[] = [];

    beforeAll(async () => {
      RecordedLog.install();
      backendUrl = await begin();
    });
    beforeEach(() => {
      name = `index-${(count += 1)}`;
    });
    afterEach(async () => {
      await Promise.all(coordinators.splice(0).map((coordinator) => coordinator.stop()));
    });
    afterAll(end);

    async function member(options: CoordinationOptions = {}): Promise<CoordinatorService> {
      const coordinator = new CoordinatorService({ backendUrl, ttl: 5000, stopTimeout: 500, ...options });
      coordinators.push(coordinator);
      await coordinator.start();
      return coordinator;
    }

    async function locks(options?: CoordinationOptions): Promise<[Lock, Lock, Lock]> {
      const [a, b] = [await member(options), await member(options)];
      return [a.getLock(name), a.getLock(name, { shared: true }), b.getLock(name, { shared: true })];
    }

    it('has readers of one process and of several together, and a writer alone', async () => {
      const [writer, reader, other] = await locks();
      const leases = [await reader.hold(), await other.hold(), await writer.hold({ shared: true })];
      const third = coordinators[1]!.getLock(name, { shared: true });
      leases.push(await third.hold());
      expect(await reader.isStillOwner()).toBe(true);
      expect(await other.isStillOwner()).toBe(true);
      const alone = coordinators[1]!.getLock(name);
      expect(await alone.acquire(false)).toBe(false);
      for (const lease of leases) expect(await lease.release()).toBe(true);
      await using lease = await alone.hold({ blocking: 5000 });
      expect(await reader.acquire(false)).toBe(false);
      expect(await other.acquire(100)).toBe(false);
      expect(lease.signal.aborted).toBe(false);
    });

    it('lets a writer in after the readers that were there, however many come later', async () => {
      const [writer] = await locks();
      const state = { over: false };
      let [inside, begun] = [0, 0];
      const readers = Array.from({ length: 8 }, async (_, index) => {
        const lock = coordinators[index % 2]!.getLock(name, { shared: true });
        while (!state.over) {
          await lock.using(async () => {
            inside += 1;
            begun += 1;
            await after(20);
            inside -= 1;
          });
        }
      });
      await expect.poll(() => inside).toBeGreaterThan(4);
      const before = begun;
      await using lease = await writer.hold({ blocking: 10_000 });
      expect(inside).toBe(0);
      // Those that were about to ask when the writer came, once each.
      expect(begun - before).toBeLessThanOrEqual(16);
      state.over = true;
      expect(await lease.release()).toBe(true);
      await Promise.all(readers);
    });

    it('refuses a call that wants to be alone inside a share of its own caller, and names both', async () => {
      const [writer, reader] = await locks();
      async function readIndex(): Promise<void> {
        await writer.using(rebuildIndex);
      }
      async function rebuildIndex(): Promise<void> {
        throw new Error('it does not run');
      }
      const refused = await reader.using(readIndex).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(InvalidOptionsError);
      expect(String(refused)).toMatch(/rebuildIndex asks to hold it alone, and readIndex, .* shares it/);
      await reader.using(async () => {
        await expect(writer.acquire(false)).rejects.toThrow(InvalidOptionsError);
        // Of another name, or in another context, it is no upgrade.
        await using lease = await coordinators[0]!.getLock(`${name}-other`).hold();
        lease.assertHeld();
      });
      await using lease = await writer.hold({ blocking: 5000 });
      expect(lease.remaining()).toBeGreaterThan(0);
    });

    it('shares a lease that was alone, without a moment in which another one is alone', async () => {
      const [writer, reader, other] = await locks({ fencing: true });
      const lease = await writer.hold();
      const token = lease.fencingToken;
      const waits = countWaits(coordinators[0]!, coordinators[1]!);
      const waiting = [reader.hold(), other.hold()];
      await expect.poll(waits).toBe(2);
      const rival = coordinators[1]!.getLock(name).hold({ blocking: 20_000 });
      await expect.poll(waits).toBe(3);
      await lease.downgrade();
      expect(lease.fencingToken).toBe(token);
      expect(lease.signal.aborted).toBe(false);
      expect(JSON.parse(JSON.stringify(lease))).toMatchObject({ state: 'held', shared: true });
      expect(await writer.isStillOwner()).toBe(true);
      const shares = await Promise.all(waiting);
      for (const share of shares) expect(share.fencingToken).toBeGreaterThan(token!);
      await lease.downgrade();
      for (const share of [...shares, lease]) expect(await share.release()).toBe(true);
      await using alone = await rival;
      for (const share of shares) expect(alone.fencingToken).toBeGreaterThan(share.fencingToken!);
      await expect(lease.downgrade()).resolves.toBeUndefined();
      await alone.release();
      await expect(alone.downgrade()).rejects.toThrow(LeaseLostError);
    });

    it('hands a lease that was shared on to no waiter of its process that wants to be alone', async () => {
      const [writer, , other] = await locks();
      const lease = await writer.hold();
      const waits = countWaits(coordinators[0]!);
      const next = coordinators[0]!.getLock(name).hold({ blocking: 20_000 });
      await expect.poll(waits).toBe(1);
      await lease.downgrade();
      const share = await other.acquire(3000);
      if (!share) {
        // The waiter came first, as it may.
        await lease.release();
        await (await next).release();
        return;
      }
      await lease.release();
      const first = await Promise.race([next, after(200, 'nobody')]);
      expect(first).toBe('nobody');
      await other.release();
      await (await next).release();
    });

    it('breaks the leases of all holders', async () => {
      const [, reader, other] = await locks({ heartbeat: 150 });
      const leases = [await reader.hold(), await other.hold()];
      expect(await coordinators[1]!.getLock(name).break()).toBe(true);
      await expect.poll(() => leases.every(({ signal }) => signal.aborted)).toBe(true);
      for (const { signal } of leases) expect(signal.reason).toMatchObject({ reason: 'broken' });
      await using lease = await coordinators[0]!.getLock(name).hold({ blocking: 5000 });
      expect(lease.remaining()).toBeGreaterThan(0);
    });

    it('keeps shares for longer than their ttl, also those that were alone before', async () => {
      const [writer, reader, other] = await locks({ ttl: 3000 });
      const lease = await writer.hold();
      await lease.downgrade();
      const leases = [lease, await reader.hold(), await other.hold()];
      await after(4500);
      for (const { signal } of leases) expect(signal.aborted).toBe(false);
      expect(await coordinators[1]!.getLock(name).acquire(false)).toBe(false);
      for (const each of leases) expect(await each.release()).toBe(true);
    });
  });
}

/** How many calls have begun to wait since. */
function countWaits(...coordinators: CoordinatorService[]): () => number {
  let waits = 0;
  for (const coordinator of coordinators) coordinator.on('lease.waiting', () => (waits += 1));
  return () => waits;
}
