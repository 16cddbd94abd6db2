import { afterEach, describe, expect, it } from 'vitest';
import { BACKENDS, cleanUp } from '../../e2e/replicas/backends.js';
import { THOROUGH } from '../../support/thorough.js';
import { runCampaign } from './campaign.js';
import { judge } from './judge.js';

afterEach(cleanUp);

const calm = { seconds: 9, onCrash: 'skip', skews: [-2000, 0, 2000], faults: false } as const;
const faulty = { seconds: 10, skews: [-500, 0, 500], faults: true } as const;

it.each(THOROUGH ? ['a file back end', 'three Redis nodes'] : ['three Redis nodes'])(
  'jobs of three replicas run each tick once, though the clocks are 2 s apart, on %s',
  async (backend) => {
    const backendUrl = await BACKENDS[backend]!();
    const report = await runCampaign({ ...calm, backendUrl, random: Math.random });
    expect(report).toMatchObject({ doubles: [], missed: [] });
    expect(report.ran).toBeGreaterThan(10);
    // On a busy machine a run may outlast its period now and then.
    expect(report.overlapped.length).toBeLessThan(report.ran / 2);
    // What they would have done without: the campaign can see doubles. A lock alone lets them happen only where it changes replicas.
    expect(report.controls.plain).toBeGreaterThan(3);
  },
);

it.runIf(THOROUGH)(
  'a job of each minute runs each tick once, by clocks that run ten times as fast',
  async () => {
    const report = await runCampaign({
      ...calm,
      seconds: 22,
      jobs: 'minutes',
      // The clocks of a file back end are those of the replicas.
      speed: { factor: 10, since: Date.now() },
      backendUrl: await BACKENDS['a file back end']!(),
      random: Math.random,
    });
    expect(report).toMatchObject({ doubles: [], missed: [], overlapped: [] });
    expect(report.ran).toBeGreaterThan(1);
    expect(report.controls.plain).toBeGreaterThan(0);
  },
);

const CRASHES = [
  ['rerun', 'a file back end'],
  ['skip', 'one Redis node'],
] as const;

it.each(CRASHES.slice(0, THOROUGH ? undefined : 1))(
  'jobs keep the promise of onCrash %s when replicas are killed and stopped, on %s',
  async (onCrash, backend) => {
    const backendUrl = await BACKENDS[backend]!();
    const report = await runCampaign({ ...faulty, onCrash, backendUrl, random: Math.random });
    expect(report).toMatchObject({ doubles: [], unfinished: [] });
    expect(report.ran).toBeGreaterThan(3);
  },
);

describe('the judge', () => {
  const entry = { job: 'short', tick: 1000, agentId: 'a', attempt: 1 };
  const rules = { onCrash: 'skip', faults: false } as const;

  it('sees a tick that ran twice', () => {
    const journal = [
      { ...entry, what: 'begun' },
      { ...entry, what: 'begun', agentId: 'b' },
    ] as const;
    expect(judge(journal, rules).doubles).toHaveLength(1);
    expect(judge([journal[0], { ...journal[1], attempt: 2 }], rules).doubles).toHaveLength(1);
    expect(
      judge([journal[0], { ...journal[1], attempt: 2 }], { ...rules, onCrash: 'rerun' }).doubles,
    ).toEqual([]);
  });

  it('sees a tick that nobody ran', () => {
    const begun = [1000, 3000].map((tick) => ({ ...entry, tick, what: 'begun' as const }));
    const fired = [1000, 2000, 3000, 4000].map((tick) => ({ ...entry, tick, what: 'fired' as const }));
    expect(judge([...begun, ...fired], rules).missed).toHaveLength(1);
  });

  it('sees a run that nobody finished', () => {
    const begun = [1000, 60_000].map((tick) => ({ ...entry, tick, what: 'begun' as const }));
    expect(judge(begun, { onCrash: 'rerun', faults: true }).unfinished).toHaveLength(1);
  });
});
