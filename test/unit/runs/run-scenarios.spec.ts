import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../../lib/common/clock.js';
import { CoordinatorService } from '../../../lib/coordinator.service.js';
import { LOCK_MANAGER } from '../../../lib/lock/index.js';
import { Claim, Job, RunRecords, tickOccasion } from '../../../lib/runs/index.js';
import { FakeClock, settled } from '../../support/fake-clock.js';
import { RecordedLog } from '../../support/recorded-log.js';

interface Scenario {
  readonly name: string;
  readonly periodMs: number;
  readonly skewsMs: Readonly<Record<string, number>>;
  readonly recordBefore: string | null;
  readonly calls: readonly { readonly real: string; readonly replica: string }[];
  readonly expectedRuns: readonly {
    readonly real: string;
    readonly replica: string;
    readonly tick: string;
    readonly ends: string;
  }[];
  readonly expectedSkips: readonly {
    readonly real: string;
    readonly replica: string;
    readonly tick: string;
    readonly reason: string;
  }[];
  readonly recordAfter: string;
}

const SCENARIOS = JSON.parse(
  readFileSync(new URL('../../vectors/run-scenarios.json', import.meta.url), 'utf8'),
) as Scenario[];

const SETTINGS = { name: 'job', onCrash: 'skip', overlap: 'skip', history: 10, maxSkew: 60_000 } as const;
/** Before every scenario. */
const BEGIN = Date.parse('2026-03-10T11:00:00.000Z');

let space = 0;

describe.each(SCENARIOS)('$name', (scenario) => {
  const clock = new FakeClock();
  const replicas = new Map<
    string,
    { readonly service: CoordinatorService; readonly job: Job; wall(): number }
  >();

  beforeEach(async () => {
    RecordedLog.install();
    clock.stepWall(BEGIN - clock.wall());
    space += 1;
    for (const [agentId, skew] of Object.entries(scenario.skewsMs)) {
      const own: Clock = {
        monotonic: () => clock.monotonic(),
        wall: () => clock.wall() + skew,
        setTimer: (ms, callback) => clock.setTimer(ms, callback),
        afterInput: (callback) => clock.afterInput(callback),
      };
      const options = { backendUrl: `memory:scenario-${space}`, agentId };
      const service = new CoordinatorService(options, undefined, { clock: own });
      await service.start();
      replicas.set(agentId, { service, job: new Job(SETTINGS, service), wall: () => own.wall() });
    }
  });

  afterEach(async () => {
    const stopped = Promise.all([...replicas.values()].map(({ service }) => service.stop()));
    await clock.advance(60_000);
    await stopped;
  });

  const after = (tick: number): number => (Math.floor(tick / scenario.periodMs) + 1) * scenario.periodMs;

  async function call(
    replica: string,
  ): Promise<{ readonly tick: number; readonly claim: ReturnType<Job['claim']> }> {
    const { job, ...own } = replicas.get(replica)!;
    const tick = Math.floor((own.wall() + 5) / scenario.periodMs) * scenario.periodMs;
    return { tick, claim: job.claim(tickOccasion('test', tick, after)) };
  }

  async function passUntil(real: number): Promise<void> {
    await clock.advance(Math.max(0, real - clock.wall()));
  }

  it('runs and skips as the vectors have it', async () => {
    const runs: object[] = [];
    const skips: object[] = [];
    const iso = (time: number): string => new Date(time).toISOString();
    const [first] = scenario.calls;
    if (scenario.recordBefore !== null) {
      // An earlier run, by the replica that calls first.
      const { job } = replicas.get(first!.replica)!;
      await passUntil(Date.parse(first!.real) - 500);
      const claim = await job.claim(tickOccasion('test', Date.parse(scenario.recordBefore), after));
      expect(claim).toBeInstanceOf(Claim);
      if (claim instanceof Claim) await claim.end('succeeded');
    }
    const ends: { readonly at: number; readonly end: () => Promise<void> }[] = [];
    const endThose = async (until: number): Promise<void> => {
      for (const due of ends.toSorted((a, b) => a.at - b.at).filter(({ at }) => at <= until)) {
        ends.splice(ends.indexOf(due), 1);
        await passUntil(due.at);
        await due.end();
      }
    };
    const pending: Promise<void>[] = [];
    for (const { real, replica } of scenario.calls) {
      await endThose(Date.parse(real));
      await passUntil(Date.parse(real));
      const { tick, claim } = await call(replica);
      const outcome = claim.then((claimed) => {
        if (!(claimed instanceof Claim)) {
          skips.push({ real, replica, tick: iso(tick), reason: claimed.skipped });
          return;
        }
        const row = scenario.expectedRuns.find((run) => run.real === real && run.replica === replica);
        const at = Date.parse(row?.ends ?? real);
        runs.push({ real, replica, tick: claimed.run.tick.toISOString(), ends: iso(at) });
        ends.push({ at, end: () => claimed.end('succeeded') });
      });
      pending.push(outcome);
      await settled();
      await endThose(Date.parse(real));
    }
    await endThose(Infinity);
    await clock.advance(1000);
    await Promise.all(pending);
    const byTime = (rows: readonly object[]): object[] =>
      rows.toSorted((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)));
    expect(byTime(runs)).toEqual(byTime(scenario.expectedRuns));
    expect(byTime(skips)).toEqual(byTime(scenario.expectedSkips));
    const { service } = replicas.get(first!.replica)!;
    const { records } = service[LOCK_MANAGER]!;
    const latest = await new RunRecords(records, '').get('job');
    expect(iso(latest?.record.tick ?? 0)).toBe(scenario.recordAfter);
  });
});
