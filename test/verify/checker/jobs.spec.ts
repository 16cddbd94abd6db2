import { describe, expect, it } from 'vitest';
import { type HistoryRecord, judgeJobs, type JobRecord, type JobRules, readHistory } from './index.js';

const SKIP: JobRules = { onCrash: 'skip', ttl: 100 };
const RERUN: JobRules = { onCrash: 'rerun', ttl: 100 };

function judges(records: readonly HistoryRecord[], rules = SKIP): string[] {
  return judgeJobs(readHistory(records), rules).map(({ judge }) => judge);
}

function fired(occasion: string, at: number, tick: number): JobRecord {
  return { type: 'fired', at, occasion, worker: `w-${occasion}`, job: 'usage', tick };
}

function skipped(occasion: string, at: number, reason: string): JobRecord {
  return { type: 'skipped', at, occasion, reason };
}

function started(occasion: string, at: number, tick: number, attempt = 1): JobRecord[] {
  return [
    { type: 'start written', at: at - 1, worker: `w-${occasion}`, job: 'usage', tick, attempt },
    { type: 'started', at, run: `run-${occasion}`, occasion, tick, attempt },
  ];
}

function ended(occasion: string, at: number): JobRecord {
  return { type: 'ended', at, run: `run-${occasion}` };
}

function seen(called: number, at: number, version: number): JobRecord {
  return { type: 'version seen', called, at, worker: 'w', job: 'usage', version };
}

describe('a tick', () => {
  it('may start once, or in two attempts where that was asked for', () => {
    const once = [fired('a', 1, 0), ...started('a', 2, 0), ended('a', 3)];
    const twice = [...once, fired('b', 5, 0), ...started('b', 6, 0), ended('b', 7)];
    const again = [...once, fired('b', 5, 0), ...started('b', 6, 0, 2), ended('b', 7)];
    expect(judges(once)).toEqual([]);
    expect(judges(twice)).toEqual(['tick repeated']);
    expect(judges(twice, RERUN)).toEqual(['tick repeated']);
    expect(judges(again)).toEqual(['tick repeated']);
    expect(judges(again, RERUN)).toEqual([]);
    expect(judges([...again, fired('c', 8, 0), ...started('c', 9, 0, 3)], RERUN)).toEqual(['tick repeated']);
  });

  it('is missed when all skip it, and none had a reason', () => {
    const both = (reason: string) => [
      fired('a', 1, 0),
      fired('b', 2, 0),
      skipped('a', 3, 'done'),
      skipped('b', 4, reason),
    ];
    expect(judges(both('done'))).toEqual(['tick missed']);
    expect(judges(both('locked'))).toEqual(['tick missed']);
    expect(judges(both('backend'))).toEqual([]);
    expect(judges([fired('a', 1, 0), { type: 'gone', at: 2, worker: 'w-a' }])).toEqual([]);
  });

  it('may be skipped for a run of an earlier tick, and for the start of a later one', () => {
    const earlier = [fired('a', 1, 0), ...started('a', 2, 0), fired('b', 50, 50), skipped('b', 60, 'locked')];
    expect(judges([...earlier, ended('a', 55)])).toEqual([]);
    // The lock of a process that was stopped meanwhile is kept for a ttl.
    expect(
      judges([...earlier.slice(0, 3), ended('a', 4), fired('b', 50, 50), skipped('b', 60, 'locked')]),
    ).toEqual([]);
    expect(
      judges([...earlier.slice(0, 3), ended('a', 4), fired('b', 150, 150), skipped('b', 160, 'locked')]),
    ).toEqual(['tick missed']);
    const later = [fired('a', 1, 50), ...started('a', 2, 50), ended('a', 3), fired('b', 5, 0)];
    expect(judges([...later, skipped('b', 6, 'done')])).toEqual([]);
  });
});

describe('a run that was lost', () => {
  const lost = [fired('a', 1, 0), ...started('a', 2, 0), { type: 'gone', at: 3, worker: 'w-a' } as const];
  const next = [fired('b', 50, 50), ...started('b', 60, 50), ended('b', 61)];

  it('is tried once more before anything else', () => {
    const again = [fired('c', 40, 0), ...started('c', 41, 0, 2), ended('c', 42)];
    expect(judges([...lost, ...next])).toEqual([]);
    expect(judges([...lost, ...next], RERUN)).toEqual(['run not repeated']);
    expect(judges([...lost, ...again, ...next], RERUN)).toEqual([]);
    expect(judges(lost, RERUN)).toEqual([]);
  });
});

describe('the record of a job', () => {
  it('never has an older version than somebody has seen before', () => {
    expect(judges([seen(1, 2, 4), seen(3, 4, 4), seen(5, 6, 7)])).toEqual([]);
    // Asked at the same time.
    expect(judges([seen(1, 4, 4), seen(2, 3, 2)])).toEqual([]);
    expect(judges([seen(1, 2, 4), seen(3, 4, 2)])).toEqual(['record went back']);
    expect(judges([seen(1, 2, 4), seen(3, 4, 0)])).toEqual(['record went back']);
  });
});
