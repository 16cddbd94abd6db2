import { cpus, loadavg } from 'node:os';
import { execFileSync } from 'node:child_process';
import type { Comparison, Measure, RunSamples, Scenario, Size } from './scenario.js';
import { summarize, type Summary } from './statistics.js';

/** The figures of all rounds together, and the median of each run. */
export interface Spread extends Summary {
  readonly runs: readonly number[];
}

export interface Compared extends Spread, Comparison {}

export interface Row {
  readonly name: string;
  /** By the key of the measure; without those that it does not have. */
  readonly figures: Readonly<Record<string, Spread>>;
  readonly compared: readonly Compared[];
  /** Why it did not take part to the end. */
  readonly failure?: string;
}

export interface ScenarioReport {
  readonly id: string;
  readonly title: string;
  /** Of one round. */
  readonly size: number;
  readonly sizeUnit: string;
  readonly rounds: number;
  readonly runs: number;
  readonly measures: readonly Measure[];
  readonly comparisons: readonly Comparison[];
  readonly rows: readonly Row[];
}

/** What the figures were measured on. */
export interface Machine {
  readonly node: string;
  readonly redis: string;
  readonly platform: string;
  readonly processor: string;
  /** Over the minute before: above 0 something else was running, which slows code down more than the kernel. */
  readonly load: number;
}

export interface Report {
  readonly machine: Machine;
  readonly scenarios: readonly ScenarioReport[];
}

export function machine(): Machine {
  const { version, platform, arch } = process;
  const [first] = cpus();
  const redis = execFileSync(process.env['REDIS_SERVER'] ?? 'redis-server', ['--version'], {
    encoding: 'utf8',
  });
  return {
    node: version,
    redis: /v=(\S+)/.exec(redis)?.[1] ?? 'unknown',
    platform: `${platform} ${arch}`,
    processor: `${cpus().length} × ${first?.model ?? 'unknown'}`,
    load: loadavg()[0] ?? 0,
  };
}

export function reportOf(
  scenario: Scenario,
  { size, rounds }: Size,
  runs: readonly RunSamples[],
): ScenarioReport {
  const { id, title, sizeUnit, measures, comparisons } = scenario;
  const names = Object.keys(runs[0] ?? {});
  const rows = names.map((name) => rowOf(name, scenario, runs));
  return { id, title, size, sizeUnit, rounds, runs: runs.length, measures, comparisons, rows };
}

function rowOf(name: string, { measures, comparisons }: Scenario, runs: readonly RunSamples[]): Row {
  const figures: Record<string, Spread> = {};
  for (const { key } of measures) {
    const spread = spreadOf(runs.map((samples) => figuresOf(samples, name, key)));
    if (spread) figures[key] = spread;
  }
  const compared = comparisons
    .filter(({ against }) => against !== name)
    .flatMap((comparison): Compared[] => {
      const spread = spreadOf(runs.map((samples) => compare(samples, name, comparison)));
      return spread ? [{ ...comparison, ...spread }] : [];
    });
  const failure = runs.map((samples) => samples[name]?.failure).find((text) => text !== undefined);
  return { name, figures, compared, ...(failure !== undefined && { failure }) };
}

/** One figure per round, NaN where there is none. */
function figuresOf(samples: RunSamples, name: string, key: string): number[] {
  return (samples[name]?.rounds ?? []).map((figures) => figures?.[key] ?? NaN);
}

/** Round by round: what slows a round down slows both. */
function compare(samples: RunSamples, name: string, { measure, against, by }: Comparison): number[] {
  const theirs = figuresOf(samples, against, measure);
  return figuresOf(samples, name, measure).map((ours, round) => {
    const other = theirs[round] ?? NaN;
    return by === 'ratio' ? ours / other : ours - other;
  });
}

/** Undefined when there is no figure at all. */
function spreadOf(runs: readonly (readonly number[])[]): Spread | undefined {
  const finite = runs.map((rounds) => rounds.filter(Number.isFinite)).filter(({ length }) => length > 0);
  if (finite.length === 0) return undefined;
  return { ...summarize(finite.flat()), runs: finite.map((rounds) => summarize(rounds).median) };
}
