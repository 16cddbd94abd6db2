import { describe, expect, it } from 'vitest';
import { Activity } from '../../../lib/dashboard/activity/index.js';
import type { Facts } from '../../../lib/dashboard/source.js';
import { viewOf } from '../../../lib/dashboard/view/index.js';
import type { View } from '../../../lib/dashboard/wire.js';
import type { LastRun } from '../../../lib/runs/index.js';
import { FakeClock } from '../../support/fake-clock.js';

const clock = new FakeClock();
const AT = clock.wall();

function before(ms: number): Date {
  return new Date(AT - ms);
}

interface Made {
  readonly name: string;
  readonly heldFor?: number;
  readonly waits?: readonly number[];
  readonly function?: string;
}

function lockOf({ name, heldFor = 100, waits = [], function: caller }: Made): Facts['locks'][number] {
  return {
    name,
    kind: 'lock',
    mode: 'exclusive',
    holders: [{ memberId: 'share:one', function: caller, since: before(heldFor) }],
    waiters: waits.map((wait) => ({ memberId: 'share:two', since: before(wait) })),
  };
}

function memberOf(agentId: string, silent = 0): Facts['members'][number] {
  return {
    memberId: `share:${agentId}`,
    agentId,
    incarnation: agentId,
    lastSeen: before(silent),
    held: 0,
    waiting: 0,
    leads: [],
    here: agentId === 'one',
  };
}

function runOf(outcome: LastRun['outcome'], minutesAgo: number): LastRun {
  const startedAt = before(minutesAgo * 60_000);
  const endedAt = new Date(startedAt.getTime() + 500);
  return {
    name: 'usage',
    tick: startedAt,
    startedAt,
    endedAt,
    memberId: 'share:one',
    outcome,
    attempt: 1,
    madeUp: false,
  };
}

function see(facts: Partial<Facts>, search = '', activity = new Activity(clock), problem?: Error): View {
  const all = { at: AT, locks: [], members: [memberOf('one')], jobs: [], ...facts };
  const viewpoint = { agentId: 'one', prefix: 'share:', ttl: 10_000, activity };
  return viewOf({ facts: all, problem }, viewpoint, search, AT);
}

describe('what a viewer is shown', () => {
  it('of ten thousand locks those waited for longest, then the oldest, and how many there are', () => {
    const locks = Array.from({ length: 10_000 }, (_, index) =>
      lockOf({ name: `lock-${index}`, heldFor: 1000 + index }),
    );
    locks[17] = lockOf({ name: 'waited', heldFor: 1, waits: [200] });
    locks[18] = lockOf({ name: 'waited-longest', heldFor: 1, waits: [10, 3000] });
    const { locks: shown, totals } = see({ locks });
    expect(shown.rows).toHaveLength(30);
    expect(shown.rows.slice(0, 4).map(({ name }) => name)).toEqual([
      'waited-longest',
      'waited',
      'lock-9999',
      'lock-9998',
    ]);
    expect([shown.total, shown.matching, totals.held, totals.longestWait]).toEqual([
      10_000, 10_000, 10_000, 3000,
    ]);
  });

  it('a lock far down the list, when it is searched for by its name, its function or its replica', () => {
    const many = Array.from({ length: 1000 }, (_, index) =>
      lockOf({ name: `lock-${index}`, heldFor: 10_000 }),
    );
    const locks = [
      ...many,
      lockOf({ name: 'Exports', heldFor: 1, function: 'AccessService.allow', waits: [5] }),
    ];
    for (const search of ['exp', 'access', 'TWO'])
      expect(
        see({ locks }, search).locks.rows.map(({ name }) => name),
        search,
      ).toEqual(['Exports']);
    expect(see({ locks }, 'exp').queues.rows).toMatchObject([
      { name: 'Exports', waiting: 1, longestWait: 5 },
    ]);
    expect(see({ locks }, 'nothing').locks).toEqual({ rows: [], matching: 0, total: 1001 });
  });

  it('how long a lock is usually held, once that is known of its kind', () => {
    const activity = new Activity(clock);
    for (let hold = 0; hold < 4; hold += 1) activity.usual.add('exports', 100);
    expect(
      see({ locks: [lockOf({ name: 'exports' })] }, '', activity).locks.rows[0]?.usually,
    ).toBeUndefined();
    activity.usual.add('exports', 100);
    expect(see({ locks: [lockOf({ name: 'exports' })] }, '', activity).locks.rows[0]?.usually).toBe(100);
  });

  it('an unusual hold as unusual, and as a thing for a person only when a call waits long behind it', () => {
    const activity = new Activity(clock);
    for (let hold = 0; hold < 10; hold += 1) activity.usual.add('exports', 500);
    const level = (heldFor: number, ...waits: number[]): unknown => {
      const view = see({ locks: [lockOf({ name: 'exports', heldFor, waits })] }, '', activity);
      return [view.locks.rows[0]?.level, view.health.level];
    };
    expect(level(1900)).toEqual(['plain', 'plain']);
    expect(level(2100)).toEqual(['watch', 'plain']);
    expect(level(60_000, 29_000)).toEqual(['watch', 'plain']);
    expect(level(60_000, 31_000)).toEqual(['person', 'person']);
  });

  it('that all is well, and what is not', () => {
    expect(see({}).health).toMatchObject({
      level: 'plain',
      text: 'All is well: the back end answers, and one replica lives',
    });
    expect(see({ members: [memberOf('one'), memberOf('two', 12_000)] }).health).toMatchObject({
      level: 'watch',
      notes: [{ text: 'two has given no sign of life for 12 s' }],
    });
    const down = see({}, '', new Activity(clock), new Error('no answer within 2000 ms'));
    expect(down.health).toMatchObject({
      level: 'person',
      text: 'One thing needs a person',
      notes: [{ text: 'The back end does not answer: no answer within 2000 ms' }],
    });
  });

  it('a job that fails again and again, or does not run, before the others', () => {
    const job = (name: string, failures: number, next: number, ...runs: LastRun[]): Facts['jobs'][number] => {
      const [last, ...history] = runs;
      return { name, running: false, failures, next: before(-next), last, history, skips: {} };
    };
    const jobs = [
      job('fine', 0, 1000, runOf('succeeded', 1), runOf('failed', 6)),
      job('late', 0, -300_000, runOf('succeeded', 7)),
      job('bad', 3, 1000, runOf('failed', 1), runOf('failed', 2), runOf('failed', 3)),
      job('once', 1, 1000, runOf('failed', 1)),
    ];
    const { jobs: shown, health } = see({ jobs });
    expect(shown.rows.map(({ name, level }) => [name, level])).toEqual([
      ['bad', 'person'],
      ['late', 'watch'],
      ['once', 'watch'],
      ['fine', 'plain'],
    ]);
    expect(shown.rows.at(-1)?.runs.map(({ outcome }) => outcome)).toEqual(['failed', 'succeeded']);
    expect(health.notes.map(({ text }) => text)).toEqual([
      'The job "bad" has failed 3 times in a row',
      'The job "late" should have run 5 min ago',
      'The last run of the job "once" failed',
    ]);
  });
});
