import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { forkFixture, type FixtureProcess } from '../../support/processes.js';
import { judge, type Verdict } from './judge.js';
import type { JournalEntry, ReplicaOrder } from './replica.js';

export interface Campaign {
  readonly backendUrl: string;
  readonly seconds: number;
  readonly onCrash: 'skip' | 'rerun';
  /** The clock of each replica, ms ahead of the real one. */
  readonly skews: readonly number[];
  /** What they run: jobs of each second and of five, or one of each minute. */
  readonly jobs?: 'seconds' | 'minutes';
  /** How many times as fast all clocks run, those of the replicas with their timers, and those of the back end. */
  readonly speed?: Speed;
  /** Kills and stops replicas at random times. */
  readonly faults: boolean;
  readonly random: () => number;
}

export interface CampaignReport extends Verdict {
  readonly kills: number;
  readonly stops: number;
  readonly output: string;
}

/** How fast time passes, and the Unix time from which on it does, ms. */
export interface Speed {
  readonly factor: number;
  readonly since: number;
}

const TTL = 2000;
/** Where a minute takes seconds, a busy machine keeps a replica waiting for longer. */
const LONG_TTL = 10_000;

/** The longest pause between two faults, and the longest time for which a replica is stopped, ms. */
const PAUSE = 2500;

/** Sets the clocks and timers of a whole process, libraries included. */
function preload(skew: number, { factor, since }: Speed): string {
  const script = `const D = Date;
const now = () => Math.floor(${since} + (D.now() - ${since}) * ${factor} + ${skew});
globalThis.Date = class extends D {
  constructor(...given) { if (given.length > 0) super(...given); else super(now()); }
  static now() { return now(); }
};
if (${factor} !== 1) {
  const { performance: p, setTimeout: t, setInterval: i } = globalThis;
  const monotonic = p.now.bind(p);
  p.now = () => monotonic() * ${factor};
  // Never early: a timer counts whole ms.
  const real = (ms) => Math.ceil((ms ?? 0) / ${factor}) + 1;
  globalThis.setTimeout = (run, ms, ...args) => t(run, real(ms), ...args);
  globalThis.setInterval = (run, ms, ...args) => i(run, real(ms), ...args);
}`;
  return `data:text/javascript,${encodeURIComponent(script)}`;
}

/** Runs replicas with clocks set apart, and judges what they wrote. */
export async function runCampaign(campaign: Campaign): Promise<CampaignReport> {
  const folder = await mkdtemp(join(tmpdir(), 'coordination-jobs-'));
  const journal = join(folder, 'journal');
  const { backendUrl, onCrash, skews, random, jobs = 'seconds' } = campaign;
  const { speed = { factor: 1, since: 0 } } = campaign;
  const ttl = jobs === 'seconds' ? TTL : LONG_TTL;
  let outputs = '';
  const start = async (index: number): Promise<FixtureProcess> => {
    const order: ReplicaOrder = { agentId: `replica-${index}`, backendUrl, ttl, onCrash, journal, jobs };
    const replica = await forkFixture(resolve('test/verify/jobs/replica.ts'), {
      args: [JSON.stringify(order)],
      execArgv: ['--import', preload(skews[index] ?? 0, speed)],
    });
    await replica.receive((message) => message === 'ready');
    return replica;
  };
  const replicas = await Promise.all(skews.map((_, index) => start(index)));
  let [kills, stops] = [0, 0];
  try {
    const end = performance.now() + campaign.seconds * 1000;
    while (performance.now() < end) {
      await after(campaign.faults ? random() * PAUSE : end - performance.now());
      if (!campaign.faults || performance.now() >= end) continue;
      const index = Math.floor(random() * replicas.length);
      const replica = replicas[index]!;
      if (random() < 0.5) {
        kills += 1;
        await replica.kill();
        outputs += replica.output;
        replicas[index] = await start(index);
      } else {
        stops += 1;
        replica.freeze();
        await after(random() * PAUSE);
        replica.thaw();
      }
    }
    for (const replica of replicas) replica.send('stop');
    await Promise.all(replicas.map((replica) => replica.exited));
    outputs += replicas.map((replica) => replica.output).join('');
    return { ...judge(await read(journal), campaign), kills, stops, output: outputs };
  } finally {
    await Promise.all(replicas.map((replica) => replica.kill()));
    await rm(folder, { recursive: true, force: true });
  }
}

async function read(journal: string): Promise<JournalEntry[]> {
  const text = await readFile(journal, 'utf8');
  return text
    .split('\n')
    .filter((line) => line.endsWith('}'))
    .map((line) => JSON.parse(line) as JournalEntry);
}
