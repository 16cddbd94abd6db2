import { randomUUID } from 'node:crypto';
import {
  checkBlocking,
  checkBoolean,
  checkDuration,
  checkPositive,
  checkTtl,
  shown,
} from './common/checks.js';
import { blockingOf, type Duration, msOf } from './common/duration.js';
import { booleanFrom, durationFrom } from './common/option-text.js';
import { chosenBackend, URL_VARIABLE } from './coordination.backend.js';
import { type BackendOptions, BACKENDS } from './drivers/driver.registry.js';
import type { DriverFactory } from './drivers/driver.js';
import { InvalidOptionsError } from './errors.js';
import { usableTime } from './lock/lease/index.js';

/**
 * Durations are numbers of ms, or text such as `'30s'` or `'5m'`.
 * @publicApi
 */
export interface CoordinationOptions extends BackendOptions {
  /**
   * `file:`, `file:///dir`, `memory:`, `redis://h1[,h2,h3]`, `rediss://…`, `redis+sentinel://…/master`,
   * `redis+cluster://…`, `postgres://…`, or a list of Redis nodes. Default `file:`; has to be given with NODE_ENV=production.
   */
  readonly backendUrl?: string | readonly string[] | undefined;
  /** Makes the driver of a back end that this package does not have, instead of `backendUrl`. */
  readonly driver?: DriverFactory | undefined;
  /** Names this replica; default: a random UUID. */
  readonly agentId?: string | undefined;
  /** In front of the member id and of every lock name; default ''. */
  readonly prefix?: string | undefined;
  /** Lease time; default '10s'. */
  readonly ttl?: Duration | undefined;
  /** Renewal period; default ttl / 3. */
  readonly heartbeat?: Duration | undefined;
  /** true: wait for ever · false: one try · 500 or '5s': wait at most so long (a number is ms). Default true. */
  readonly blocking?: boolean | Duration | undefined;
  /** How long waiters and holders get at shutdown; default '5s'. */
  readonly stopTimeout?: Duration | undefined;
  /** Give each lease a fencing token, unless a lock says otherwise; default false. */
  readonly fencing?: boolean | undefined;
  /** How long a start waits for a back end that is down; default 0: it fails at once. */
  readonly startTimeout?: Duration | undefined;
  /** false: this replica never leads an election; default true. */
  readonly candidate?: boolean | undefined;
}

/** The environment variable of each option; those of a back end have their own. */
export const OPTION_VARIABLES = {
  backendUrl: URL_VARIABLE,
  agentId: 'COORDINATION_AGENT_ID',
  prefix: 'COORDINATION_PREFIX',
  ttl: 'COORDINATION_TTL',
  heartbeat: 'COORDINATION_HEARTBEAT',
  blocking: 'COORDINATION_BLOCKING',
  stopTimeout: 'COORDINATION_STOP_TIMEOUT',
  startTimeout: 'COORDINATION_START_TIMEOUT',
  fencing: 'COORDINATION_FENCING',
  candidate: 'COORDINATION_CANDIDATE',
} as const;

const QUERY_KEYS = Object.keys(OPTION_VARIABLES).filter((name) => name !== 'backendUrl');
const BACKEND_NAMES = BACKENDS.filter(({ options }) => Object.keys(options).length > 0).map(
  ({ name }) => name,
);
const KNOWN_OPTIONS = [...Object.keys(OPTION_VARIABLES), 'driver', ...BACKEND_NAMES];

/** Further options of `forRoot` and `forRootAsync`. */
const MODULE_OPTIONS = ['name', 'isGlobal'];

const DEFAULTS = {
  prefix: '',
  ttl: 10_000,
  blocking: true,
  stopTimeout: 5_000,
  startTimeout: 0,
  fencing: false,
  candidate: true,
} as const;

/** The options with every default filled in. A function connects to the back end, so that no secret can be read off. */
export interface ResolvedOptions {
  readonly agentId: string;
  readonly prefix: string;
  readonly ttl: number;
  readonly heartbeat: number;
  readonly blocking: boolean | number;
  readonly stopTimeout: number;
  readonly startTimeout: number;
  readonly fencing: boolean;
  readonly candidate: boolean;
  readonly createDriver: DriverFactory;
}

type Settings = Omit<CoordinationOptions, 'backendUrl' | 'driver' | keyof BackendOptions>;

/** With every default, and the durations as they were given. */
type FilledOptions = Required<Settings>;

/**
 * Checks the options and fills the defaults in. An option that is given here overrides the one in the URL's query.
 * @throws InvalidOptionsError that lists every problem, each with the option's and the variable's name
 */
export function resolveOptions(options: CoordinationOptions): ResolvedOptions {
  const problems = Object.keys(options)
    .filter((key) => !KNOWN_OPTIONS.includes(key))
    .map((key) => unknownOption(key));

  const backend = chosenBackend(options, QUERY_KEYS, problems);
  const settings: Settings = { ...settingsOf(backend.query), ...definedOf(options) };
  const ttl = settings.ttl ?? DEFAULTS.ttl;
  const filled = {
    agentId: settings.agentId ?? randomUUID(),
    prefix: settings.prefix ?? DEFAULTS.prefix,
    ttl,
    heartbeat: settings.heartbeat ?? msOf(ttl) / 3,
    blocking: settings.blocking ?? DEFAULTS.blocking,
    stopTimeout: settings.stopTimeout ?? DEFAULTS.stopTimeout,
    startTimeout: settings.startTimeout ?? DEFAULTS.startTimeout,
    fencing: settings.fencing ?? DEFAULTS.fencing,
    candidate: settings.candidate ?? DEFAULTS.candidate,
  };
  problems.push(...problemsOf(filled, settings.heartbeat !== undefined));
  problems.push(...backend.problemsOf(msOf(ttl)));
  const createDriver = backend.open();
  if (problems.length > 0 || !createDriver) {
    throw new InvalidOptionsError(
      `The options of CoordinationModule are wrong: ${problems.map((problem, index) => `(${index + 1}) ${problem}`).join('; ')}`,
    );
  }
  return {
    ...filled,
    ttl: msOf(filled.ttl),
    heartbeat: msOf(filled.heartbeat),
    blocking: blockingOf(filled.blocking),
    stopTimeout: msOf(filled.stopTimeout),
    startTimeout: msOf(filled.startTimeout),
    createDriver,
  };
}

function unknownOption(key: string): string {
  const known = `known are ${KNOWN_OPTIONS.join(', ')}`;
  const backend = BACKENDS.find(({ options }) => Object.hasOwn(options, key));
  const place = MODULE_OPTIONS.includes(key)
    ? `it belongs to the module: forRoot({ ${key}, … }), or beside useFactory in forRootAsync; `
    : backend
      ? `it belongs to one back end: ${backend.name}: { ${key}: … }; `
      : '';
  return `unknown option ${shown(key)}, ${place}${known}, and for the module ${MODULE_OPTIONS.join(', ')}`;
}

function problemsOf(filled: FilledOptions, heartbeatGiven: boolean): string[] {
  const { agentId, prefix, ttl, heartbeat, blocking, stopTimeout, startTimeout, fencing, candidate } = filled;
  const ttlProblems = checkTtl(named('ttl'), ttl);
  const problems = [...ttlProblems];
  if (typeof agentId !== 'string' || agentId === '') {
    problems.push(`${named('agentId')} must be a non-empty string, got ${shown(agentId)}`);
  }
  if (typeof prefix !== 'string') problems.push(`${named('prefix')} must be a string, got ${shown(prefix)}`);
  if (heartbeatGiven || ttlProblems.length === 0) {
    const heartbeatProblems = checkPositive(named('heartbeat'), heartbeat);
    problems.push(...heartbeatProblems);
    if (heartbeatProblems.length === 0 && msOf(heartbeat) >= usableTime(msOf(ttl))) {
      problems.push(
        `${named('heartbeat')} must be below ${named('ttl')}, less 1 % and 2 ms for the drift of clocks, or leases end before they are renewed: got heartbeat ${heartbeat} and ttl ${ttl}`,
      );
    }
  }
  problems.push(...checkBlocking(named('blocking'), blocking));
  problems.push(...checkDuration(named('stopTimeout'), stopTimeout));
  problems.push(...checkDuration(named('startTimeout'), startTimeout));
  problems.push(...checkBoolean(named('fencing'), fencing));
  problems.push(...checkBoolean(named('candidate'), candidate));
  return problems;
}

function named(option: keyof typeof OPTION_VARIABLES): string {
  return `${option} (${OPTION_VARIABLES[option]})`;
}

/** Reads options that come as text, from the environment or from a URL's query. */
export function settingsOf(text: Readonly<Partial<Record<string, string>>>): Settings {
  const duration = (value: string | undefined): Duration | undefined =>
    value ? durationFrom(value) : undefined;
  const { blocking, fencing, candidate } = text;
  return definedOf({
    agentId: text['agentId'] || undefined,
    prefix: text['prefix'],
    ttl: duration(text['ttl']),
    heartbeat: duration(text['heartbeat']),
    blocking: blocking === 'true' ? true : blocking === 'false' ? false : duration(blocking),
    stopTimeout: duration(text['stopTimeout']),
    startTimeout: duration(text['startTimeout']),
    // Other text is passed on as it is, for the check to show.
    fencing: fencing ? (booleanFrom(fencing) as boolean) : undefined,
    candidate: candidate ? (booleanFrom(candidate) as boolean) : undefined,
  });
}

/** Without the properties that are undefined, so that spreading it overwrites nothing. */
function definedOf<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}
