import { breakAnswered } from './break-answered.js';
import { hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type CoordinationOptions,
  CoordinatorService,
  InvalidOptionsError,
  type LeaseLostError,
  type LockInfo,
} from 'nestjs-coordination';
import { VERSION } from '../../lib/common/version.js';
import { eventually } from './eventually.js';
import { forkFixture } from './processes.js';
import { RecordedLog } from './recorded-log.js';

export interface InspectionHarness {
  readonly begin: () => Promise<string>;
  readonly end: () => Promise<void>;
  /** False where the back end lives in one process. */
  readonly overProcesses?: boolean;
  /** False where leases do not end by time. */
  readonly hasDeadlines?: boolean;
  /** False where a lock has one holder. */
  readonly shares?: boolean;
}

/** Short, so that members tell soon. */
const HEARTBEAT = 100;
/** Long, so that a busy machine ends no lease and fails no statement. */
const TTL = 10_000;

/** What one sees through `coordinator.inspect`, on whichever back end. Each coordinator stands for a process of its own. */
export function describeInspection(backend: string, harness: InspectionHarness): void {
  const { begin, end, overProcesses = true, hasDeadlines = true, shares = true } = harness;
  describe(`what is seen on ${backend}`, () => {
    let backendUrl = '';
    let prefix = '';
    let count = 0;
    let log: RecordedLog;
    const coordinators: CoordinatorService[] = [];
    const ended: (() => Promise<unknown>)[] = [];

    beforeAll(async () => {
      backendUrl = await begin();
    });
    beforeEach(() => {
      log = RecordedLog.install();
      prefix = `app-${(count += 1)}:`;
    });
    afterEach(async () => {
      await Promise.all(ended.splice(0).map((each) => each()));
      await Promise.all(coordinators.splice(0).map((coordinator) => coordinator.stop()));
    });
    afterAll(end);

    async function member(agentId: string, options: CoordinationOptions = {}): Promise<CoordinatorService> {
      const common = { backendUrl, prefix, agentId, ttl: TTL, heartbeat: HEARTBEAT, stopTimeout: 500 };
      const coordinator = new CoordinatorService({ ...common, ...options });
      coordinators.push(coordinator);
      await coordinator.start();
      return coordinator;
    }

    /** The locks, once they are as wanted: what another member tells comes with its next heartbeat. */
    async function locksOf(
      coordinator: CoordinatorService,
      wanted: (locks: readonly LockInfo[]) => boolean,
    ): Promise<readonly LockInfo[]> {
      let locks: readonly LockInfo[] = [];
      await eventually(async () => wanted((locks = await coordinator.inspect.locks())));
      return locks;
    }

    it('another member sees who holds a lock, since when, and who waits for it', async () => {
      const [a, b, c] = [await member('a'), await member('b'), await member('c')];
      const before = Date.now();
      const lease = await a.getLock('share-7', { fencing: true }).hold();
      const waiting = b.getLock('share-7').hold();
      const told = (locks: readonly LockInfo[]): boolean =>
        locks[0]?.holders[0]?.since !== undefined && locks[0].waiters.length === 1;
      const [lock, ...others] = await locksOf(c, told);
      expect(others).toEqual([]);
      expect(lock).toEqual({
        name: 'share-7',
        kind: 'lock',
        mode: 'exclusive',
        holders: [
          { memberId: `${prefix}a`, since: expect.any(Date) as Date, fencingToken: lease.fencingToken },
        ],
        waiters: [{ memberId: `${prefix}b`, since: expect.any(Date) as Date }],
      });
      const since = Number(lock?.holders[0]?.since);
      expect(since).toBeGreaterThanOrEqual(before - 50);
      expect(since).toBeLessThanOrEqual(Number(lock?.waiters[0]?.since) + 1);
      await lease.release();
      await (await waiting).release();
      expect(await locksOf(c, (locks) => locks.length === 0)).toEqual([]);
    });

    it('a member sees its own leases at once, with their deadlines', async () => {
      const a = await member('a', { heartbeat: 1500 });
      const lease = await a.getLock('own').hold();
      const [lock] = await a.inspect.locks();
      expect(lock?.holders).toEqual([
        {
          memberId: `${prefix}a`,
          since: expect.any(Date) as Date,
          ...(hasDeadlines && { deadline: new Date(lease.deadline) }),
        },
      ]);
      await lease.release();
    });

    it.runIf(shares)('shows what is shared as shared, by each who shares it', async () => {
      const [a, b] = [await member('a'), await member('b')];
      await a.getLock('read', { shared: true }).hold();
      const [alone] = await locksOf(b, ([lock]) => lock?.holders[0]?.since !== undefined);
      expect(alone?.mode).toBe('shared');
      await b.getLock('read', { shared: true }).hold();
      const [both] = await locksOf(a, ([lock]) => lock?.holders[1]?.since !== undefined);
      expect(both?.mode).toBe('shared');
      // Both may have begun within one millisecond, each by the clock of its own member.
      expect(both?.holders.map(({ memberId }) => memberId).toSorted()).toEqual([`${prefix}a`, `${prefix}b`]);
    });

    it('shows a semaphore as one lock, with its holders and those who wait', async () => {
      const [a, b, c] = [await member('a'), await member('b'), await member('c')];
      for (const coordinator of [a, b]) await coordinator.getSemaphore('exports', 2).hold();
      const waits = [c, a].map((coordinator) =>
        coordinator.getSemaphore('exports', 2).hold({ blocking: 30_000 }),
      );
      for (const wait of waits) wait.catch(() => undefined);
      const told = ([lock]: readonly LockInfo[]): boolean =>
        lock?.waiters.length === 2 && lock.holders.every(({ since }) => since);
      const [lock, ...others] = await locksOf(b, told);
      expect(others).toEqual([]);
      expect(lock).toMatchObject({ name: 'exports', kind: 'semaphore', mode: 'exclusive', permits: 2 });
      expect(lock?.holders.map(({ memberId }) => memberId).toSorted()).toEqual([`${prefix}a`, `${prefix}b`]);
      expect(lock?.waiters.map(({ memberId }) => memberId).toSorted()).toEqual([`${prefix}a`, `${prefix}c`]);
    });

    it('shows the members with what each holds, waits for and leads', async () => {
      const [a, b] = [await member('a'), await member('b')];
      await a.getElection('quota').campaign();
      b.getElection('quota')
        .campaign()
        .catch(() => undefined);
      await a.getLock('held').hold();
      let members = await b.inspect.members();
      await eventually(async () => {
        members = await b.inspect.members();
        return members[0]?.held === 2 && members[1]?.waiting === 1;
      });
      const common = { pid: process.pid, host: hostname(), version: VERSION };
      const times = { startedAt: expect.any(Date) as Date, lastSeen: expect.any(Date) as Date };
      expect(members).toMatchObject([
        { memberId: `${prefix}a`, agentId: 'a', ...common, ...times, leads: ['quota'], here: false },
        { memberId: `${prefix}b`, agentId: 'b', ...common, ...times, leads: [], here: true, held: 0 },
      ]);
      for (const { lastSeen } of members) expect(Date.now() - Number(lastSeen)).toBeLessThan(TTL);
      await eventually(async () => (await a.inspect.elections())[0]?.campaigning !== undefined);
      expect(await a.inspect.elections()).toEqual([
        {
          name: 'quota',
          leader: await b.getElection('quota').leader(),
          campaigning: [`${prefix}b`],
        },
      ]);
    });

    it('shows the locks of its own prefix, and of elections and jobs by their names', async () => {
      const [a, other] = [await member('a'), await member('x', { prefix: `other-${prefix}` })];
      await other.getLock('foreign').hold();
      await a.getElection('quota').campaign();
      await a.once('seed', async () => {
        const locks = await a.inspect.locks();
        expect(locks.map(({ kind, name }) => [kind, name])).toEqual([
          ['election', 'quota'],
          ['once', 'seed'],
        ]);
      });
      expect((await a.inspect.members()).map(({ agentId }) => agentId)).toEqual(['a']);
    });

    it('breaks a lock, and the holder learns from whom and why', async () => {
      const [a, b] = [await member('a'), await member('b')];
      const lease = await a.getLock('stuck').hold();
      await locksOf(b, ([lock]) => lock?.holders[0]?.since !== undefined);
      expect(await b.inspect.break('stuck', { reason: 'it hangs since noon' })).toBe(true);
      expect(lease.signal.aborted).toBe(true);
      const lost = lease.signal.reason as LeaseLostError;
      expect(lost).toMatchObject({ reason: 'revoked' });
      expect(lost.message).toContain(`${prefix}b broke the lock: it hangs since noon`);
      expect(log.of('warn').join('\n')).toContain('it hangs since noon; work done under it');
      expect(log.of('warn')).toContain('Lock "stuck" was broken by this replica: "it hangs since noon"');
      const next = await b.getLock('stuck').hold({ blocking: 3000 });
      expect(await a.inspect.break('free', { reason: 'nobody has it' })).toBe(false);
      await Promise.all([lease.release(), next.release()]);
    });

    it('breaks its own lease at once, with the reason', async () => {
      const a = await member('a', { heartbeat: 1500 });
      const lease = await a.getLock('mine').hold();
      expect(await a.inspect.break('mine', { reason: 'wrong share' })).toBe(true);
      expect(lease.signal.reason).toMatchObject({ reason: 'revoked' });
      await lease.release();
    });

    it('breaks a semaphore: all permits are free again', async () => {
      const [a, b] = [await member('a'), await member('b')];
      const permits = [await a.getSemaphore('exports', 2).hold(), await a.getSemaphore('exports', 2).hold()];
      expect(await b.inspect.break('exports', { kind: 'semaphore', reason: 'stuck' })).toBe(true);
      await eventually(async () => permits.every(({ signal }) => signal.aborted));
      await (await b.getSemaphore('exports', 2).hold({ blocking: 3000 })).release();
    });

    it('refuses to break without a reason', async () => {
      const a = await member('a');
      await expect(a.inspect.break('x', { reason: ' ' })).rejects.toThrow(InvalidOptionsError);
      await expect(a.inspect.break('x', {} as never)).rejects.toThrow(/reason must be a non-empty string/);
      await expect(a.inspect.break('', { reason: 'r', kind: 'lease' as never })).rejects.toThrow(
        /the name must be .*kind must be one of lock, semaphore/,
      );
    });

    it('tells the oldest of many leases, and how many there are', async () => {
      const [a, b] = [await member('a', { ttl: 20_000, heartbeat: 300 }), await member('b')];
      const names = Array.from({ length: 230 }, (_, index) => `many-${index}-${'x'.repeat(60)}`);
      for (let from = 0; from < names.length; from += 46)
        await Promise.all(names.slice(from, from + 46).map((name) => a.getLock(name).hold()));
      await eventually(async () => (await b.inspect.members())[0]?.held === 230);
      const toldOf = (locks: readonly LockInfo[]): number =>
        locks.filter(({ holders }) => holders[0]?.since).length;
      const locks = await locksOf(b, (some) => toldOf(some) >= 200);
      expect(locks.map(({ name }) => name).toSorted()).toEqual(names.toSorted());
      expect(toldOf(locks)).toBe(200);
    });

    it.runIf(overProcesses)('sees a member of another process, and no more once it was killed', async () => {
      const a = await member('a');
      const fixture = fileURLToPath(new URL('inspection-holder.ts', import.meta.url));
      const other = await forkFixture(fixture, { args: [backendUrl, prefix] });
      ended.push(() => other.kill());
      await other.receive((message) => message === 'held');
      const [lock] = await locksOf(a, ([first]) => first?.holders[0]?.since !== undefined);
      expect(lock).toMatchObject({ name: 'theirs', holders: [{ memberId: `${prefix}other` }] });
      const members = await a.inspect.members();
      expect(members.map(({ agentId, pid, here }) => [agentId, pid, here])).toEqual([
        ['a', process.pid, true],
        ['other', other.pid, false],
      ]);
      await other.kill();
      await locksOf(a, (locks) => locks.length === 0);
      await eventually(async () => (await a.inspect.members()).length === 1);
    });

    it.runIf(overProcesses)('has a holder in another process let go, with the reason', async () => {
      const a = await member('a');
      const fixture = fileURLToPath(new URL('inspection-holder.ts', import.meta.url));
      const other = await forkFixture(fixture, { args: [backendUrl, prefix] });
      ended.push(() => other.kill());
      await other.receive((message) => message === 'held');
      await locksOf(a, ([first]) => first?.holders[0]?.since !== undefined);
      expect(await breakAnswered(() => a.inspect.break('theirs', { reason: 'make room' }))).toBe(true);
      const lost = await other.receive((message) => typeof message === 'object');
      expect(lost).toMatchObject({
        reason: 'revoked',
        message: expect.stringContaining('make room') as string,
      });
    });
  });
}
