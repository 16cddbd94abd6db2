import { checkDuration, checkTtl, shown } from '../common/checks.js';
import { type Duration, msOf } from '../common/duration.js';
import { InvalidOptionsError } from '../errors.js';
import { unknownOption } from '../lock/index.js';

/** Shorter periods cannot be told from the time that a claim takes, ms. */
export const SHORTEST_PERIOD = 200;

const MOST_HISTORY = 100;

/**
 * How `@RunOnce` runs a job.
 * @publicApi
 */
export interface RunOnceOptions {
  /**
   * The job's name: one record and one lock for all replicas. Default: that of `@Cron`, `@Interval` or `@Timeout`, else
   * `<className>.<method>`. A job that is renamed runs anew.
   */
  readonly name?: string | undefined;
  /** A tick that all replicas missed: 'once' makes the latest one up after a start; default: 'skip'. */
  readonly missed?: 'skip' | 'once' | undefined;
  /** How old a tick that is made up may be: ms, or text such as '1h'; default: one period of the schedule. */
  readonly missedWithin?: Duration | undefined;
  /**
   * What happens when a runner is killed. 'skip': its tick is spent, so that a tick runs at most once. 'rerun': another replica runs it once
   * more, so that a tick runs at least once. Default: 'skip'.
   */
  readonly onCrash?: 'skip' | 'rerun' | undefined;
  /** What happens when a tick comes while the job runs. 'buffer-one': it runs once after that. Default: 'skip'. */
  readonly overlap?: 'skip' | 'buffer-one' | undefined;
  /**
   * Runs the job so long after its last start, over all replicas: ms, or text such as '5m'; at least 200 ms. It needs no scheduler;
   * beside `@Timeout` it says how long a run counts.
   */
  readonly every?: Duration | undefined;
  /** Runs the job once for each id, for example that of a release; beside `@Timeout`. */
  readonly id?: string | undefined;
  /** Lease time of the job's lock: ms, or text such as '30s'; default: the coordinator's. A killed runner keeps the lock for so long. */
  readonly ttl?: Duration | undefined;
  /** How many earlier runs the record keeps, at most 100; default: 10. */
  readonly history?: number | undefined;
  /** How far ahead of the back end's clock a tick may be: ms, or text such as '5m'; default: a minute. */
  readonly maxSkew?: Duration | undefined;
  /** The coordinator's name, where the application has several. */
  readonly coordinator?: string | undefined;
}

/** The options with their defaults, durations in ms. */
export interface RunOnceSettings {
  readonly name?: string;
  readonly missed: 'skip' | 'once';
  readonly missedWithin?: number;
  readonly onCrash: 'skip' | 'rerun';
  readonly overlap: 'skip' | 'buffer-one';
  readonly every?: number;
  readonly id?: string;
  readonly ttl?: number;
  readonly history: number;
  readonly maxSkew: number;
  readonly coordinator?: string;
}

const CHOICES = {
  missed: ['skip', 'once'],
  onCrash: ['skip', 'rerun'],
  overlap: ['skip', 'buffer-one'],
} as const;

const KNOWN = [
  'name',
  ...Object.keys(CHOICES),
  'missedWithin',
  'every',
  'id',
  'ttl',
  'history',
  'maxSkew',
  'coordinator',
];

/** @throws InvalidOptionsError that names every wrong option, with `where` in front */
export function runOnceSettings(options: RunOnceOptions, where: string): RunOnceSettings {
  const given: unknown = options;
  if (typeof given !== 'object' || given === null)
    throw new InvalidOptionsError(`${where}: its options must be an object, got ${shown(given)}`);
  const problems = problemsOf(options);
  if (problems.length > 0) throw new InvalidOptionsError(`${where}: ${problems.join('; ')}`);
  const { name, id, coordinator } = options;
  return {
    missed: options.missed ?? 'skip',
    onCrash: options.onCrash ?? 'skip',
    overlap: options.overlap ?? 'skip',
    history: options.history ?? 10,
    maxSkew: msOf(options.maxSkew ?? '1m'),
    ...(name !== undefined && { name }),
    ...(id !== undefined && { id }),
    ...(coordinator !== undefined && { coordinator }),
    ...inMs(options, 'missedWithin'),
    ...inMs(options, 'every'),
    ...inMs(options, 'ttl'),
  };
}

function inMs<K extends 'missedWithin' | 'every' | 'ttl'>(
  options: RunOnceOptions,
  key: K,
): { readonly [P in K]?: number } {
  const value = options[key];
  return (value === undefined ? {} : { [key]: msOf(value) }) as { readonly [P in K]?: number };
}

function problemsOf(options: RunOnceOptions): string[] {
  const problems = Object.keys(options)
    .filter((key) => !KNOWN.includes(key))
    .map((key) => unknownOption(key, KNOWN));
  for (const [key, choices] of Object.entries(CHOICES)) {
    const value: unknown = Reflect.get(options, key);
    if (value !== undefined && !(choices as readonly unknown[]).includes(value))
      problems.push(
        `${key} must be ${choices.map((choice) => `'${choice}'`).join(' or ')}, got ${shown(value)}`,
      );
  }
  for (const key of ['name', 'id', 'coordinator'] as const) {
    const value: unknown = options[key];
    if (value !== undefined && (typeof value !== 'string' || value === ''))
      problems.push(`${key} must be a non-empty string, got ${shown(value)}`);
  }
  for (const key of ['missedWithin', 'maxSkew'] as const)
    if (options[key] !== undefined) problems.push(...checkDuration(key, options[key]));
  if (options.ttl !== undefined) problems.push(...checkTtl('ttl', options.ttl));
  if (options.every !== undefined) problems.push(...periodProblems('every', options.every));
  const { history } = options;
  if (history !== undefined && !(Number.isInteger(history) && history >= 0 && history <= MOST_HISTORY))
    problems.push(`history must be a whole number from 0 to ${MOST_HISTORY}, got ${shown(history)}`);
  if (options.every !== undefined && options.id !== undefined)
    problems.push('every and id are two ways to say when a run counts; leave one out');
  return problems;
}

export function periodProblems(what: string, period: Duration): string[] {
  const ms = msOf(period);
  if (Number.isFinite(ms) && ms >= SHORTEST_PERIOD) return [];
  return [
    `${what} must be at least ${SHORTEST_PERIOD} ms, got ${shown(period)}; text is written '5m' or '1h'`,
  ];
}
