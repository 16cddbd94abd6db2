import type { CoordinatorService } from 'nestjs-coordination';
import { Claim, Job, tickOccasion } from '../../../lib/runs/index.js';
import type { Place } from '../locks/index.js';
import { startCoordinator } from '../locks/coordinators.js';
import type { Contender, Scenario } from '../scenario.js';
import { quantile } from '../statistics.js';
import { durationOf } from '../timed.js';
import { Traffic } from '../traffic.js';
import { onNodes } from './words.js';

const MINUTE = 60_000;
/** Ticks lie so far back that no round reaches the present, ms. */
const BACK = 1_000_000 * MINUTE;

const RUNS = 'a replica that runs it';
const SKIPS = 'a replica that skips it';

const after = (tick: number): number => tick + MINUTE;

/** What a tick of a job costs the replica that runs it and one that comes later; the body of the job does nothing. */
export function jobTick(nodes: number): Scenario {
  return scenario(`job-tick-${nodes}`, onNodes(nodes), (bench) => bench.redis(nodes));
}

export const jobTickOnFiles = scenario('job-tick-file', 'files', (bench) => bench.files());

function scenario(
  id: string,
  where: string,
  placeOf: (bench: Parameters<Scenario['prepare']>[0]) => Promise<Place>,
): Scenario {
  return {
    id,
    title: `a tick of a job, ${where}`,
    size: 100,
    sizeUnit: 'ticks',
    rounds: 10,
    warmUps: 3,
    short: { size: 5, rounds: 2, warmUps: 1 },
    measures: [
      { key: 'tick', label: 'p50', unit: 'ms', better: 'lower' },
      { key: 'commands', label: 'commands per tick', unit: '', better: 'lower' },
    ],
    comparisons: [],
    prepare: async (bench) => {
      const place = await placeOf(bench);
      const coordinators = await Promise.all([1, 2].map(() => startCoordinator(place.backendUrl)));
      const [runner, other] = coordinators.map(jobOf) as [Job, Job];
      const traffic = await Traffic.on(place.nodes);
      let tick = Math.floor(Date.now() / MINUTE) * MINUTE - BACK;
      const next = (): number => (tick = after(tick));
      const origins = await traffic.learn(async () => {
        await run(runner, next());
        await skip(other, tick);
      });
      const contender = (
        name: string,
        ready: () => Promise<unknown>,
        act: () => Promise<void>,
      ): Contender => ({
        name,
        measure: async (size) => {
          const times: number[] = [];
          let commands = 0;
          while (times.length < size) {
            await ready();
            const { result, sent } = await traffic.during(origins, () => durationOf(act));
            times.push(result);
            commands += sent;
          }
          return { tick: quantile(times, 0.5), commands: commands / size };
        },
      });
      return {
        contenders: [
          contender(
            RUNS,
            () => Promise.resolve(next()),
            () => run(runner, tick),
          ),
          contender(
            SKIPS,
            () => run(runner, next()),
            () => skip(other, tick),
          ),
        ],
        close: async () => {
          traffic.close();
          await Promise.all(coordinators.map((coordinator) => coordinator.stop()));
        },
      };
    },
  };
}

function jobOf(coordinator: CoordinatorService): Job {
  return new Job(
    { name: 'tick', onCrash: 'skip', overlap: 'skip', history: 10, maxSkew: MINUTE },
    coordinator,
  );
}

async function run(job: Job, tick: number): Promise<void> {
  const claim = await job.claim(tickOccasion('minutely', tick, after));
  if (!(claim instanceof Claim)) throw new Error(`the tick was skipped: ${claim.skipped}`);
  await claim.end('succeeded');
}

async function skip(job: Job, tick: number): Promise<void> {
  const claim = await job.claim(tickOccasion('minutely', tick, after));
  if (claim instanceof Claim) throw new Error('the tick ran again');
}
