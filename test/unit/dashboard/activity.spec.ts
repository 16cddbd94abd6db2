import { describe, expect, it } from 'vitest';
import { Histogram } from '../../../lib/dashboard/activity/histogram.js';
import { Activity } from '../../../lib/dashboard/activity/index.js';
import { Timeline } from '../../../lib/dashboard/activity/timeline.js';
import type { Facts } from '../../../lib/dashboard/source.js';
import { FakeClock } from '../../support/fake-clock.js';

function factsWith(at: number, ...members: readonly (readonly [string, ...string[]])[]): Facts {
  return {
    at,
    locks: [],
    jobs: [],
    members: members.map(([agentId, ...leads]) => ({
      memberId: agentId,
      agentId,
      incarnation: agentId,
      lastSeen: new Date(at),
      held: 0,
      waiting: 0,
      leads,
      here: false,
    })),
  };
}

describe('what is remembered of the last minutes', () => {
  it('waits, to a tenth, in little memory', () => {
    const waits = new Histogram();
    expect(waits.quantile(0.95)).toBeUndefined();
    for (let ms = 1; ms <= 1000; ms += 1) waits.add(ms);
    expect((waits.quantile(0.95) ?? 0) / 950).toBeCloseTo(1, 0);
    expect((waits.quantile(0.5) ?? 0) / 500).toBeCloseTo(1, 0);
    expect(Histogram.quantile([new Histogram(), waits], 0)).toBeLessThan(2);
  });

  it('a quarter of an hour in steps of ten seconds, with gaps where nobody looked', async () => {
    const clock = new FakeClock();
    const timeline = new Timeline(() => clock.wall());
    timeline.sample(4, 1);
    timeline.sample(2, 3);
    await clock.advance(20_000);
    timeline.waited(8);
    timeline.lost();
    const { points } = timeline.chart();
    expect(points).toHaveLength(90);
    expect(points.slice(-3)).toMatchObject([
      { held: 4, waiting: 3, lost: 0 },
      { held: undefined, wait95: undefined, lost: 0 },
      { held: undefined, lost: 1 },
    ]);
    expect(timeline.wait95).toBeCloseTo(8.5, 1);
    await clock.advance(900_000);
    expect(timeline.chart().points.every(({ held, lost }) => held === undefined && lost === 0)).toBe(true);
    expect(timeline.wait95).toBeUndefined();
  });

  it('replicas that come and go, and leaders, from one poll to the next', () => {
    const activity = new Activity(new FakeClock());
    activity.compare(factsWith(1, ['one', 'quota'], ['two']));
    expect(activity.news.rows).toEqual([]);
    activity.compare(factsWith(2, ['two', 'quota'], ['three']));
    expect(activity.news.rows.map(({ kind, name }) => `${kind} ${name}`).toReversed()).toEqual([
      'left one',
      'joined three',
      'leader quota',
    ]);
  });

  it('fifty events, and which of them is which', () => {
    const { news } = new Activity(new FakeClock());
    for (let at = 1; at <= 60; at += 1)
      news.add({ at, level: 'plain', kind: 'up', name: 'back end', text: '' });
    expect([news.rows.length, news.rows[0]?.id, news.rows.at(-1)?.id]).toEqual([50, 60, 11]);
  });
});
