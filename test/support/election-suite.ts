import { setTimeout as after } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  BackendUnavailableError,
  type CoordinationOptions,
  CoordinatorService,
  currentLease,
  type Election,
  InvalidOptionsError,
  type Leader,
  LeaseLostError,
  LockCreationFailedError,
} from 'nestjs-coordination';
import { electionsOf } from '../../lib/elections/index.js';
import { eventually } from './eventually.js';
import { RecordedLog } from './recorded-log.js';

export interface ElectionHarness {
  readonly begin: () => Promise<string>;
  readonly end: () => Promise<void>;
}

/** No lease ends by the clock here: so long, ms, that a busy machine ends none either, and fails no statement. */
const TTL = 10_000;
const HEARTBEAT = 600;

/** What an election promises, on whichever back end. Each coordinator stands for a process of its own. */
export function describeElections(backend: string, { begin, end }: ElectionHarness): void {
  describe(`elections on ${backend}`, () => {
    let backendUrl = '';
    let quota = '';
    let count = 0;
    const coordinators: CoordinatorService[] = [];

    beforeAll(async () => {
      RecordedLog.install();
      backendUrl = await begin();
    });
    beforeEach(() => {
      quota = `quota-${(count += 1)}`;
    });
    afterEach(async () => {
      await Promise.all(coordinators.splice(0).map((coordinator) => coordinator.stop()));
    });
    afterAll(end);

    async function member(options: CoordinationOptions = {}): Promise<CoordinatorService> {
      const common = { backendUrl, ttl: TTL, heartbeat: HEARTBEAT, stopTimeout: 1000 };
      const coordinator = new CoordinatorService({ ...common, ...options });
      coordinators.push(coordinator);
      await coordinator.start();
      return coordinator;
    }

    async function elections(...options: CoordinationOptions[]): Promise<Election[]> {
      const members = await Promise.all(options.map((each) => member(each)));
      return members.map((coordinator) => coordinator.getElection(quota));
    }

    /** What has become of a campaign so far. */
    function campaigning(election: Election) {
      const state = { won: false };
      const campaign = election.campaign().then((leadership) => {
        state.won = true;
        return leadership;
      });
      // A test that ends with one under way stops its coordinator.
      campaign.catch(() => undefined);
      return { state, campaign };
    }

    it('one leads, and the other one when it has resigned, with a larger term', async () => {
      const [a, b] = (await elections({ agentId: 'a' }, { agentId: 'b' })) as [Election, Election];
      expect([a.isLeader, await a.leader()]).toEqual([false, undefined]);
      const first = await a.campaign();
      expect([a.isLeader, b.isLeader]).toEqual([true, false]);
      const seen = await b.leader();
      expect(seen).toEqual(await a.leader());
      expect(seen).toMatchObject({ agentId: 'a', memberId: 'a', term: first.term });
      const next = campaigning(b);
      expect(await a.resign()).toBe(true);
      expect(a.isLeader).toBe(false);
      expect(first.signal.aborted).toBe(true);
      const second = await next.campaign;
      expect([a.isLeader, b.isLeader]).toEqual([false, true]);
      expect(second.term).toBeGreaterThan(first.term);
      expect(await a.leader()).toMatchObject({ agentId: 'b', term: second.term });
    });

    it('two processes with one agentId are two: one of them leads', async () => {
      const [a, twin] = (await elections({ agentId: 'twin' }, { agentId: 'twin' })) as [Election, Election];
      await a.campaign();
      const other = campaigning(twin);
      const leader = await twin.leader();
      expect(leader).toMatchObject({ agentId: 'twin' });
      // It waits: what names its own agent is not taken for its own.
      await after(50);
      expect([a.isLeader, twin.isLeader, other.state.won]).toEqual([true, false, false]);
      await a.resign();
      await other.campaign;
      expect([a.isLeader, twin.isLeader]).toEqual([false, true]);
      expect((await a.leader())?.incarnation).not.toBe(leader?.incarnation);
    });

    it('the flag is off, and the signal aborted, before anybody is told and before the lock is free', async () => {
      const one = await member();
      const election = one.getElection(quota);
      const lock = (await member()).getLock(`election:${quota}`, { blocking: false });
      const told: unknown[] = [];
      let first!: { readonly signal: AbortSignal };
      const demoted = new Promise<void>((resolve) => {
        electionsOf(one, 'test').stand(quota, [
          {
            when: 'demoted',
            label: 'listener',
            call: async (leadership) => {
              told.push([election.isLeader, leadership.signal.aborted, await lock.acquire()]);
              resolve();
            },
          },
        ]);
      });
      first = await election.campaign();
      first.signal.addEventListener('abort', () => told.push(['signal', election.isLeader]));
      const resigned = election.resign();
      expect([election.isLeader, first.signal.aborted]).toEqual([false, true]);
      await demoted;
      expect(await resigned).toBe(true);
      expect(told).toEqual([
        ['signal', false],
        [false, true, false],
      ]);
    });

    it('the lock is released when the work of the leader has ended, and its signal has aborted before', async () => {
      const one = await member();
      const [b] = (await elections({})) as [Election];
      const election = one.getElection(quota);
      await election.campaign();
      const leadership = electionsOf(one, 'test').leadershipOf(quota);
      let finish!: () => void;
      const work = leadership?.run('work', async () => {
        const { signal } = currentLease()!;
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        await new Promise<void>((resolve) => {
          finish = resolve;
        });
        return signal.aborted;
      });
      const next = campaigning(b);
      const resigned = election.resign();
      await eventually(() => finish);
      expect(await one.getLock(`election:${quota}`).acquire(false)).toBe(false);
      expect(next.state.won).toBe(false);
      finish();
      expect(await work).toBe(true);
      expect(await resigned).toBe(true);
      await next.campaign;
    });

    it('work of the leader that awaits its resignation does not wait for itself', async () => {
      const one = await member();
      const election = one.getElection(quota);
      await election.campaign();
      const leadership = electionsOf(one, 'test').leadershipOf(quota);
      expect(await leadership?.run('work', () => election.resign())).toBe(true);
      await one.using(`election:${quota}`, { blocking: 20_000 }, () => undefined);
    });

    it('a late end of an old term does not end a new one of the same process', async () => {
      const [election] = (await elections({})) as [Election];
      const first = await election.campaign();
      expect(await first.resign()).toBe(true);
      const second = await election.campaign();
      expect(second.term).toBeGreaterThan(first.term);
      expect(await first.resign()).toBe(false);
      expect([election.isLeader, second.signal.aborted]).toEqual([true, false]);
      expect(await election.leader()).toMatchObject({ term: second.term });
    });

    it('a resignation under way does not end the term that begins meanwhile', async () => {
      const [election] = (await elections({})) as [Election];
      const first = await election.campaign();
      const late = election.resign();
      const second = await election.campaign();
      expect(await late).toBe(true);
      expect(second.term).toBeGreaterThan(first.term);
      expect([election.isLeader, second.signal.aborted]).toEqual([true, false]);
      expect(await election.leader()).toMatchObject({ term: second.term });
    });

    it('calls of one process campaign together, and each can leave by itself', async () => {
      const [a, b] = (await elections({}, {})) as [Election, Election];
      const first = await a.campaign();
      const [leaving, staying] = [new AbortController(), new AbortController()];
      const left = b.campaign({ signal: leaving.signal });
      const stayed = b.campaign({ signal: staying.signal });
      leaving.abort(new Error('enough'));
      await expect(left).rejects.toThrow('enough');
      await first.resign();
      const leadership = await stayed;
      expect(await b.campaign()).toBe(leadership);
      // What is elected stays so.
      staying.abort();
      expect(b.isLeader).toBe(true);
    });

    it('a campaign that everybody has left is given up, and elects nobody', async () => {
      const [a, b] = (await elections({}, {})) as [Election, Election];
      const first = await a.campaign();
      const leaving = new AbortController();
      const left = b.campaign({ signal: leaving.signal });
      leaving.abort(new Error('enough'));
      await expect(left).rejects.toThrow('enough');
      await expect(b.campaign({ signal: leaving.signal })).rejects.toThrow('enough');
      await first.resign();
      await eventually(async () => (await a.leader()) === undefined);
      expect(b.isLeader).toBe(false);
      await b.campaign();
    });

    it('a leader that is asked to step down does so, and is elected again behind the others', async () => {
      const [one, other] = await Promise.all([member({ agentId: 'a' }), member({ agentId: 'b' })]);
      const [a, b] = [one.getElection(quota), other.getElection(quota)];
      expect(await b.requestResign()).toBe(false);
      const terms: string[] = [];
      for (const coordinator of [one, other])
        electionsOf(coordinator, 'test').stand(quota, [
          { when: 'elected', label: 'listener', call: () => terms.push(coordinator.agentId) },
        ]);
      await eventually(() => terms.length === 1);
      const [leader, follower] = terms[0] === 'a' ? [a, b] : [b, a];
      const { term } = (await leader.leader())!;
      // Asked again where the follower has no place in the queue yet.
      const askUntilLed = (by: Election): Promise<boolean> =>
        eventually(async () => by.isLeader || (!(await by.requestResign()) && by.isLeader), { every: 50 });
      await askUntilLed(follower);
      expect(leader.isLeader).toBe(false);
      expect((await leader.leader())!.term).toBeGreaterThan(term);
      await askUntilLed(leader);
      expect(follower.isLeader).toBe(false);
      expect(new Set(terms)).toEqual(new Set(['a', 'b']));
    });

    it('a leader that is alone is elected again when it was asked to step down', async () => {
      const one = await member();
      const terms: number[] = [];
      electionsOf(one, 'test').stand(quota, [
        { when: 'elected', label: 'listener', call: ({ term }) => terms.push(term) },
      ]);
      await eventually(() => terms.length === 1);
      await one.getElection(quota).requestResign();
      await eventually(() => terms.length === 2);
      expect(terms[1]).toBeGreaterThan(terms[0]!);
    });

    it('a request for an earlier term is no request for this one', async () => {
      const [a, b] = (await elections({ heartbeat: 50 }, {})) as [Election, Election];
      const first = await a.campaign();
      expect(await b.requestResign()).toBe(true);
      await eventually(() => first.signal.aborted);
      const second = await a.campaign();
      await after(200);
      expect(second.signal.aborted).toBe(false);
    });

    it('a watcher is told the present state first, then each change, and not twice the same', async () => {
      const [a, b, c] = (await elections({ agentId: 'a' }, { agentId: 'b' }, {})) as [
        Election,
        Election,
        Election,
      ];
      const states: (string | undefined)[] = [];
      const watching = (async () => {
        for await (const leader of c.watch()) states.push(leader?.agentId);
      })();
      await eventually(() => states.length === 1);
      await a.campaign();
      await eventually(() => states.length === 2);
      const late: (Leader | undefined)[] = [];
      for await (const leader of b.watch()) {
        late.push(leader);
        break;
      }
      expect(late).toMatchObject([{ agentId: 'a' }]);
      await a.resign();
      await eventually(() => states.length === 3);
      await b.campaign();
      await eventually(() => states.length === 4);
      expect(states).toEqual([undefined, 'a', undefined, 'b']);
      await coordinators[2]!.stop();
      await watching;
    });

    it('a step of a watcher that waits ends when the watcher leaves', async () => {
      const [election] = (await elections({})) as [Election];
      const watch = election.watch();
      expect(await watch.next()).toEqual({ done: false, value: undefined });
      const waiting = watch.next();
      await watch.return?.();
      expect(await waiting).toEqual({ done: true, value: undefined });
      expect(await watch.next()).toEqual({ done: true, value: undefined });
    });

    it('a stop of the coordinator hands over at once, and its campaigns are refused', async () => {
      const [one, other, third] = await Promise.all([member({ ttl: 60_000 }), member(), member()]);
      const first = await one.getElection(quota).campaign();
      const next = campaigning(other.getElection(quota));
      const begin = performance.now();
      void one.stop();
      expect([one.getElection(quota).isLeader, first.signal.aborted]).toEqual([false, true]);
      await next.campaign;
      expect(performance.now() - begin).toBeLessThan(5000);
      const waiting = campaigning(third.getElection(quota)).campaign;
      void third.stop();
      await expect(waiting).rejects.toThrow(BackendUnavailableError);
      await third.stop();
      await expect(third.getElection(quota).campaign()).rejects.toThrow(LockCreationFailedError);
      await expect(third.getElection(quota).leader()).rejects.toThrow(LockCreationFailedError);
    });

    it('a leader whose lock is broken is the leader no more, though its record is still there', async () => {
      const one = await member({ heartbeat: 100 });
      const other = await member();
      const election = one.getElection(quota);
      const { signal } = await election.campaign();
      await other.getLock(`election:${quota}`).break();
      await eventually(() => signal.aborted);
      expect(election.isLeader).toBe(false);
      expect(signal.reason).toBeInstanceOf(LeaseLostError);
      await other.getElection(quota).campaign();
      expect(await election.leader()).toMatchObject({ memberId: other.memberId });
    });

    it('a leader whose lock is broken aborts its signal for all its listeners before the demotion is told', async () => {
      const one = await member({ heartbeat: 100 });
      const other = await member();
      const told: string[] = [];
      electionsOf(one, 'test').stand(quota, [
        {
          when: 'elected',
          label: 'listener',
          call: ({ signal }) => {
            for (const name of ['first', 'second']) signal.addEventListener('abort', () => told.push(name));
          },
        },
        { when: 'demoted', label: 'listener', call: () => told.push('demoted') },
      ]);
      await eventually(() => one.getElection(quota).isLeader);
      await other.getLock(`election:${quota}`).break();
      await eventually(() => told.includes('demoted'));
      expect(told.slice(0, 3)).toEqual(['first', 'second', 'demoted']);
    });

    it('a leader that sees a later term in the record leads no more', async () => {
      const one = await member({ heartbeat: 50 });
      const election = one.getElection(quota);
      const { term, signal } = await election.campaign();
      const { records } = electionsOf(one, 'test').session('test').manager;
      const value = JSON.stringify({ memberId: 'z', agentId: 'z', incarnation: 'z', since: 0 });
      await records.put({ space: 'elections', key: quota, version: term + 1, value }, 10_000);
      await eventually(() => signal.aborted);
      expect(String(signal.reason)).toContain(`member z leads term ${term + 1} by now`);
    });

    it('one that is no candidate sees who leads, and may not campaign', async () => {
      const [a, b] = (await elections({ candidate: false, agentId: 'a' }, {})) as [Election, Election];
      await expect(a.campaign()).rejects.toThrow(InvalidOptionsError);
      await expect(a.campaign()).rejects.toThrow(
        new RegExp(`^Election "${quota}": member a may not lead, .*COORDINATION_CANDIDATE`),
      );
      const { term } = await b.campaign();
      expect(await a.leader()).toMatchObject({ term });
      expect(await a.requestResign()).toBe(true);
    });

    it('leaves nothing behind: no record of a leader, and no request', async () => {
      const [a, b] = (await elections({}, {})) as [Election, Election];
      await a.campaign();
      await b.requestResign();
      await eventually(() => !a.isLeader);
      await a.campaign();
      await coordinators[0]!.stop();
      const { records } = electionsOf(coordinators[1]!, 'test').session('test').manager;
      for (const space of ['elections', 'election-requests'])
        expect((await records.list(space)).filter(({ key }) => key === quota)).toEqual([]);
    });
  });
}
