import { setMaxListeners } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type History,
  type HistoryRecord,
  judgeLeftovers,
  readHistory,
  Tally,
  type Violation,
} from '../checker/index.js';
import { ClockShims } from '../../support/clock-shim.js';
import { reap } from '../../support/redis-reaper.js';
import { Crew } from './crew.js';
import {
  type Backend,
  type Campaign,
  FAULT_KINDS,
  type FaultKind,
  FAULTS,
  type Step,
  traitsOf,
} from './faults.js';
import { FileStage } from './file-stage.js';
import { now } from './judge-clock.js';
import { judgeRun, LONGEST_KEY, statesOf } from './judging.js';
import { planRun } from './planner.js';
import { PostgresStage } from './postgres-stage.js';
import { RedisStage } from './redis-stage.js';
import type { Scene } from './scene.js';
import type { Stage } from './stage.js';
import { RegisterStorage } from './storage.js';
import { TIME_TO_LEAVE, workerFaults } from './worker-faults.js';

export interface CampaignTerms {
  readonly backend: Backend;
  readonly campaign: Campaign;
  readonly seed: string;
  readonly nodes: number;
  /** Runs follow one another until they have shown enough, or so many ms are over. */
  readonly enough: (tally: Tally) => boolean;
  readonly limit: number;
  /** How long faults begin in each run, ms. */
  readonly runLength: number;
  /** How many leases each worker asks for at a time, and of how many locks; fewer by default. */
  readonly loops?: number;
  readonly locks?: number;
  /** Only these faults. */
  readonly kinds?: readonly FaultKind[];
  /** Only this run, to see it again. */
  readonly only?: number;
  /** Told after each run. */
  readonly onRun?: (run: RunReport) => void;
}

export interface RunReport {
  readonly seed: string;
  readonly leases: number;
  readonly violations: readonly Violation[];
  readonly steps: readonly Step[];
  readonly history: readonly HistoryRecord[];
}

export interface CampaignReport {
  readonly tally: Tally;
  /** Why faults that were drawn did not happen, and how many. */
  readonly refused: ReadonlyMap<string, number>;
  /** What was found when all had ended. */
  readonly ending: readonly Violation[];
  readonly clocks: boolean;
  /** ms. */
  readonly took: number;
}

const WORKERS = 4;
const LOOPS = 10;
const LOCKS = 20;
/** The longest of them is how long an emptied node has to sit out. */
const TTLS = [250, 500, 1000];
const THINK = 4;

const FORGETFUL: ReadonlySet<FaultKind> = new Set(
  FAULT_KINDS.filter((kind) => traitsOf(kind).forgets !== undefined),
);

/** A loop ends within its budget and its work; the rest is a busy machine. */
const TIME_TO_DRAIN = 30_000;

/** Runs one after the other on the same back end and processes, each with locks of its own, until that is enough. */
export async function runCampaign(terms: CampaignTerms): Promise<CampaignReport> {
  const begun = performance.now();
  const tally = new Tally();
  const refused = new Map<string, number>();
  const ending: Violation[] = [];
  const theatre = await Theatre.open(terms);
  try {
    for (let index = terms.only ?? 1; ; index += 1) {
      const run = await theatre.run(`${terms.seed}.${index}`, index % 2 === 1);
      for (const [why, times] of run.refused) refused.set(why, (refused.get(why) ?? 0) + times);
      terms.onRun?.({ ...run, leases: run.read.leases.length });
      tally.add(run.seed, run.read, run.violations);
      const over = terms.only !== undefined || performance.now() - begun > terms.limit;
      if (!over && !terms.enough(tally)) continue;
      ending.push(...(await theatre.end()));
      tally.blame(run.seed, ending);
      break;
    }
    return { tally, refused, ending, clocks: theatre.clocks !== undefined, took: performance.now() - begun };
  } finally {
    await theatre.close();
  }
}

interface Run extends Omit<RunReport, 'leases'> {
  readonly read: History;
  readonly refused: ReadonlyMap<string, number>;
}

function startStage(backend: Backend, nodes: number, clocks: ClockShims | undefined): Promise<Stage> {
  const terms = { workers: WORKERS, maxTtl: Math.max(...TTLS), clocks };
  if (backend === 'redis') return RedisStage.start({ nodes, ...terms });
  return backend === 'postgres' ? PostgresStage.start(terms) : FileStage.start();
}

/** The processes of a campaign, from its first run to its last. */
class Theatre {
  #records: HistoryRecord[] = [];

  private constructor(
    private readonly terms: CampaignTerms,
    readonly clocks: ClockShims | undefined,
    private readonly directory: string,
    private readonly storage: RegisterStorage,
    private readonly stage: Stage,
    private crew: Crew | undefined,
  ) {}

  static async open(terms: CampaignTerms): Promise<Theatre> {
    const { backend, nodes } = terms;
    const directory = await mkdtemp(join(tmpdir(), 'coordination-faults-'));
    reap.made(directory);
    const clocks = await ClockShims.compile();
    const storage = await RegisterStorage.open(join(directory, 'storage'));
    const stage = await startStage(backend, nodes, clocks);
    const theatre = new Theatre(terms, clocks, directory, storage, stage, undefined);
    try {
      await theatre.#hire();
    } catch (error) {
      await theatre.close();
      throw error;
    }
    return theatre;
  }

  async run(seed: string, proof: boolean): Promise<Run> {
    const { campaign, backend, kinds, runLength, locks: many = LOCKS } = this.terms;
    const crew = this.crew ?? (await this.#hire());
    const quarantine = Math.max(...TTLS);
    const { steps, refused } = planRun(seed, {
      campaign,
      backend,
      kinds,
      proof: proof && campaign === 'everything',
      quarantine,
      length: runLength,
      workers: WORKERS,
      nodes: this.stage.nodes,
      locks: many,
      clocks: this.clocks !== undefined,
    });
    const locks = Array.from({ length: many }, (_, index) => `${seed}/${index}`);
    const stalls: string[] = [];
    await this.#perform(steps, locks, stalls, crew);
    await this.stage.heal();
    stalls.push(...(await crew.drain(TIME_TO_DRAIN)).map((name) => `a loop of ${name} did not end`));
    for (const { name, output } of await crew.buryCrashed())
      stalls.push(`${name} ended by itself: ${output}`);
    this.stage.settle();
    const leftovers = await this.stage.leftovers('idle');
    // Tokens may be ahead now because of one clock, and would lead all the others.
    if (steps.some(({ kind }) => kind === 'step clock of worker')) stalls.push(...(await this.#dismiss()));

    const records = this.#records.splice(0);
    const end = now();
    for (const { lock, fenced, control } of this.storage.take()) {
      records.push({ type: 'final', at: end, lock, storage: 'fenced', value: fenced });
      records.push({ type: 'final', at: end, lock, storage: 'control', value: control });
    }
    for (const [name, count] of statesOf(readHistory(records)))
      records.push({ type: 'state', at: end, name, count });
    const read = readHistory(records);
    const violations = judgeRun({
      history: read,
      campaign,
      end,
      leftovers,
      stalls,
    });
    return { seed, steps, refused, read, violations, history: records };
  }

  /** Ends the workers in order, and looks at what they leave. */
  async end(): Promise<Violation[]> {
    const late = await this.#dismiss();
    return [
      ...late.map((message): Violation => ({ judge: 'stall', lock: '', message })),
      ...judgeLeftovers(await this.stage.leftovers('ended'), LONGEST_KEY),
    ];
  }

  async close(): Promise<void> {
    await this.crew?.kill();
    await this.stage.stop();
    await this.storage.close();
    await this.clocks?.remove();
    await rm(this.directory, { recursive: true, force: true });
  }

  async #hire(): Promise<Crew> {
    this.crew = await Crew.start(
      {
        size: WORKERS,
        storage: join(this.directory, 'storage'),
        ttls: TTLS,
        loops: this.terms.loops ?? LOOPS,
        think: THINK,
        seed: this.terms.seed,
        urlOf: (place) => this.stage.urlOf(place),
        clocks: this.clocks,
      },
      this.#records,
    );
    return this.crew;
  }

  async #dismiss(): Promise<string[]> {
    const late = (await this.crew?.leave(TIME_TO_LEAVE)) ?? [];
    this.crew = undefined;
    return late;
  }

  /** The faults, each at its time; ends when all have ended. */
  async #perform(
    steps: readonly Step[],
    locks: readonly string[],
    stalls: string[],
    crew: Crew,
  ): Promise<void> {
    const begun = now();
    const over = new AbortController();
    // As many as there are faults at a time.
    setMaxListeners(0, over.signal);
    const scene: Scene = {
      crew,
      storage: this.storage,
      locks,
      records: this.#records,
      onStall: (what) => stalls.push(what),
      pause: (ms) => pause(ms, over.signal),
    };
    crew.run(locks);
    const last = this.terms.runLength;
    const all = steps.map(async (step) => {
      await pause(begun + step.at - now());
      await this.#doFault(step, scene);
    });
    const ended = Promise.all(all);
    // A fault that throws ends the run at once.
    await Promise.race([pause(last), ended.then(() => pause(begun + last - now()))]);
    over.abort();
    await ended;
  }

  async #doFault(step: Step, scene: Scene): Promise<void> {
    const action = workerFaults[step.kind] ?? this.stage.actions[step.kind];
    if (!action) throw new Error(`nobody knows how to do "${step.kind}"`);
    const at = now();
    const target = await action(step, scene);
    if (target === undefined) return;
    // One that never knew the node before must not be taken in by it.
    const leaving = FORGETFUL.has(step.kind) ? scene.crew.target(step.worker) : undefined;
    const lasting = FAULTS[step.kind].lasts[1] > 0;
    this.#records.push({ type: 'fault', at, ...(lasting && { until: now() }), kind: step.kind, target });
    if (leaving) await scene.crew.replace(leaving);
  }
}

function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted || ms <= 0) return resolve();
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener('abort', end);
  });
}
