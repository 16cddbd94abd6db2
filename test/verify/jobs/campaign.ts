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
  /** Kills and stops replicas at random times. */
  readonly faults: boolean;
  readonly random: () => number;
}

export interface CampaignReport extends Verdict {
  readonly kills: number;
  readonly stops: number;
  readonly output: string;
}

const TTL = 2000;

/** The longest pause between two faults, and the longest time for which a replica is stopped, ms. */
const PAUSE = 2500;

/** Sets the clock of a whole process, libraries included; timers still count real time. */
function preload(skew: number): string {
  const script = `const D = Date;
globalThis.Date = class extends D {
  constructor(...given) { if (given.length > 0) super(...given); else super(D.now() + ${skew}); }
  static now() { return D.now() + ${skew}; }
};`;
  return `data:text/javascript,${encodeURIComponent(script)}`;
}

/** Runs replicas with clocks set apart, and judges what they wrote. */
export async function runCampaign(campaign: Campaign): Promise<CampaignReport> {
  const folder = await mkdtemp(join(tmpdir(), 'coordination-jobs-'));
  const journal = join(folder, 'journal');
  const { backendUrl, onCrash, skews, random } = campaign;
  let outputs = '';
  const start = async (index: number): Promise<FixtureProcess> => {
    const order: ReplicaOrder = { agentId: `replica-${index}`, backendUrl, ttl: TTL, onCrash, journal };
    const replica = await forkFixture(resolve('test/verify/jobs/replica.ts'), {
      args: [JSON.stringify(order)],
      execArgv: ['--import', preload(skews[index] ?? 0)],
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
