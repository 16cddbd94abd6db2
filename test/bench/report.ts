import { cpus, loadavg } from 'node:os';
import { execFileSync } from 'node:child_process';
import type { Comparison, Samples, Scenario } from './scenario.js';
import { summarize, type Summary } from './statistics.js';

export interface Compared extends Summary, Comparison {
  /** The median of each run. */
  readonly runs: readonly number[];
}

export interface Row extends Summary {
  readonly name: string;
  /** The median of each run. */
  readonly runs: readonly number[];
  readonly compared: readonly Compared[];
}

export interface ScenarioReport {
  readonly id: string;
  readonly title: string;
  readonly unit: string;
  readonly figure: Scenario['figure'];
  readonly operations: number;
  readonly rounds: number;
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

export function reportOf(scenario: Scenario, operations: number, runs: readonly Samples[]): ScenarioReport {
  const { id, title, unit, figure, comparisons } = scenario;
  const names = Object.keys(runs[0] ?? {});
  const rows = names.map((name) => ({
    name,
    ...spread(runs.map((samples) => samples[name] ?? [])),
    compared: comparisons
      .filter(({ against }) => against !== name)
      .map((comparison) => ({
        ...comparison,
        ...spread(runs.map((samples) => compare(samples, name, comparison))),
      })),
  }));
  const rounds = Object.values(runs[0] ?? {})[0]?.length ?? 0;
  return { id, title, unit, figure, operations, rounds, rows };
}

/** Round by round: what slows a round down slows both. */
function compare(samples: Samples, name: string, { against, by }: Comparison): number[] {
  const theirs = samples[against] ?? [];
  return (samples[name] ?? []).map((ours, round) => {
    const other = theirs[round] ?? NaN;
    return by === 'ratio' ? ours / other : ours - other;
  });
}

function spread(runs: readonly (readonly number[])[]): Summary & { readonly runs: readonly number[] } {
  return { ...summarize(runs.flat()), runs: runs.map((rounds) => summarize(rounds).median) };
}
