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
import { type DriverFactory, driverFactory, type RedisChoice } from './drivers/driver.registry.js';
import { InvalidOptionsError } from './errors.js';
import { usableTime } from './lock/lease/deadline.js';

/**
 * Durations are numbers of ms, or text such as `'30s'` or `'5m'`.
 * @publicApi
 */
export interface CoordinationOptions {
  /**
   * `file:`, `file:///dir`, `memory:`, `redis://h1[,h2,h3]`, `rediss://…`, `redis+sentinel://…/master`,
   * `redis+cluster://…`, or a list of them. Default `file:`; has to be given with NODE_ENV=production.
   */
  readonly backendUrl?: string | readonly string[] | undefined;
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
  /**
   * ioredis options for every node, of which `username` and `password` may be functions that are asked at each connect, or ready ioredis clients, one per node, instead of a URL; a list, or `{ clients }`. Beside either,
   * `quarantine: false` lets a node that has restarted grant locks at once: for tests and development only.
   */
  readonly redis?: RedisChoice | undefined;
  /**
   * Redis: no lease may be longer, and so long a node that has restarted grants nothing. Default: the longest ttl
   * that this replica has asked for; give it on every replica where some lock has a ttl above `ttl`.
   */
  readonly maxTtl?: Duration | undefined;
  /**
   * Redis: every node keeps every write over a restart (`appendfsync always`), so that none is sat out; default false. The
   * same on every replica: one that gives it vouches for the nodes before all others.
   */
  readonly persistent?: boolean | undefined;
  /** Redis: a name for the list of nodes, where replicas reach the same nodes under different addresses. */
  readonly nodeList?: string | undefined;
  /**
   * Maps a prefixed lock name to its Redis key; default `coordination:lock:` + the name. Has to be a pure function: the same
   * key for a name each time, on every replica. It is called once for each acquisition.
   */
  readonly lockKey?: ((name: string) => string) | undefined;
}

/** The environment variable of each option that has one. */
export const OPTION_VARIABLES = {
  backendUrl: 'COORDINATION_BACKEND_URL',
  agentId: 'COORDINATION_AGENT_ID',
  prefix: 'COORDINATION_PREFIX',
  ttl: 'COORDINATION_TTL',
  heartbeat: 'COORDINATION_HEARTBEAT',
  blocking: 'COORDINATION_BLOCKING',
  stopTimeout: 'COORDINATION_STOP_TIMEOUT',
  startTimeout: 'COORDINATION_START_TIMEOUT',
  fencing: 'COORDINATION_FENCING',
  maxTtl: 'COORDINATION_MAX_TTL',
  persistent: 'COORDINATION_PERSISTENT',
  nodeList: 'COORDINATION_NODE_LIST',
} as const;

/** The variable of `redis.quarantine`. */
export const QUARANTINE_VARIABLE = 'COORDINATION_REDIS_QUARANTINE';

const KNOWN_OPTIONS = [...Object.keys(OPTION_VARIABLES), 'redis', 'lockKey'];

/** What `forRoot` and `forRootAsync` take besides. */
const MODULE_OPTIONS = ['name', 'isGlobal'];

const DEFAULTS = {
  backendUrl: 'file:',
  prefix: '',
  ttl: 10_000,
  blocking: true,
  stopTimeout: 5_000,
  startTimeout: 0,
  fencing: false,
} as const;

/** The options with every default filled in. What connects to the back end is a function: no secret can be read off. */
export interface ResolvedOptions {
  readonly agentId: string;
  readonly prefix: string;
  readonly ttl: number;
  readonly heartbeat: number;
  readonly blocking: boolean | number;
  readonly stopTimeout: number;
  readonly startTimeout: number;
  readonly fencing: boolean;
  readonly createDriver: DriverFactory;
}

/** With every default, and the durations as they were given. */
type FilledOptions = Required<Omit<Settings, 'maxTtl' | 'persistent' | 'nodeList'>>;

type Settings = Omit<CoordinationOptions, 'backendUrl' | 'redis' | 'lockKey'>;

/**
 * Checks the options and fills the defaults in; what is given here goes before what the URL's query says.
 * @throws InvalidOptionsError that lists every problem, each with the option's and the variable's name
 */
export function resolveOptions(options: CoordinationOptions): ResolvedOptions {
  const problems = Object.keys(options)
    .filter((key) => !KNOWN_OPTIONS.includes(key))
    .map((key) => unknownOption(key));

  const backend = resolveBackend(options, problems);
  const settings: Settings = { ...backend?.query, ...definedOf(options) };
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
  };
  problems.push(...problemsOf(filled, settings.heartbeat !== undefined), ...nodeProblems(settings, ttl));
  if (problems.length > 0 || !backend) {
    throw new InvalidOptionsError(
      `The options of CoordinationModule are wrong: ${problems.map((problem, index) => `(${index + 1}) ${problem}`).join('; ')}`,
    );
  }
  const { maxTtl, persistent, nodeList } = settings;
  const nodes = { maxTtl: maxTtl === undefined ? undefined : msOf(maxTtl), persistent, nodeList };
  const resolved = {
    ...filled,
    ttl: msOf(filled.ttl),
    heartbeat: msOf(filled.heartbeat),
    blocking: blockingOf(filled.blocking),
    stopTimeout: msOf(filled.stopTimeout),
    startTimeout: msOf(filled.startTimeout),
  };
  return { ...resolved, createDriver: (context) => backend.factory({ ...context, nodes }) };
}

function unknownOption(key: string): string {
  const known = `known are ${KNOWN_OPTIONS.join(', ')}`;
  const place = MODULE_OPTIONS.includes(key)
    ? `it belongs to the module: forRoot({ ${key}, … }), or beside useFactory in forRootAsync; `
    : '';
  return `unknown option ${shown(key)}, ${place}${known}, and for the module ${MODULE_OPTIONS.join(', ')}`;
}

function resolveBackend(
  options: CoordinationOptions,
  problems: string[],
): { factory: DriverFactory; query: Settings } | undefined {
  const { redis, lockKey } = options;
  const url = options.backendUrl ?? (redis === undefined ? defaultUrl(problems) : undefined);
  if (lockKey !== undefined && typeof lockKey !== 'function') {
    problems.push(`lockKey must be a function that maps a lock name to a Redis key, got ${shown(lockKey)}`);
  }
  try {
    const { query, create } = driverFactory({ url, redis, lockKey });
    return { factory: create, query: settingsOf(query) };
  } catch (error) {
    problems.push(`${named('backendUrl')}: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

function defaultUrl(problems: string[]): string {
  if (process.env['NODE_ENV'] === 'production') {
    problems.push(
      `${named('backendUrl')} has to be given when NODE_ENV is "production": the default coordinates the processes of one machine only; "file:" says that this is meant`,
    );
  }
  return DEFAULTS.backendUrl;
}

function problemsOf(filled: FilledOptions, heartbeatGiven: boolean): string[] {
  const { agentId, prefix, ttl, heartbeat, blocking, stopTimeout, startTimeout, fencing } = filled;
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
  return problems;
}

/** What only Redis takes; other back ends have nothing to sit out and no list of nodes. */
function nodeProblems({ maxTtl, persistent, nodeList }: Settings, ttl: Duration): string[] {
  const problems: string[] = [];
  if (maxTtl !== undefined) {
    const maxTtlProblems = checkTtl(named('maxTtl'), maxTtl);
    problems.push(...maxTtlProblems);
    if (maxTtlProblems.length === 0 && msOf(maxTtl) < msOf(ttl)) {
      problems.push(`${named('maxTtl')} must not be below ${named('ttl')}: got ${maxTtl} and ${ttl}`);
    }
  }
  if (persistent !== undefined) problems.push(...checkBoolean(named('persistent'), persistent));
  if (nodeList !== undefined && (typeof nodeList !== 'string' || nodeList === '')) {
    problems.push(`${named('nodeList')} must be a non-empty string, got ${shown(nodeList)}`);
  }
  return problems;
}

function named(option: keyof typeof OPTION_VARIABLES): string {
  return `${option} (${OPTION_VARIABLES[option]})`;
}

/**
 * Reads options that come as text, from the environment or from a URL's query. Text that is no number is passed on as
 * it is, for the check to show.
 */
export function settingsOf(text: Readonly<Partial<Record<string, string>>>): Settings {
  const number = (value: string | undefined): number | undefined => {
    if (value === undefined || value === '') return undefined;
    const parsed = Number(value);
    return Number.isNaN(parsed) || value.trim() === '' ? (value as unknown as number) : parsed;
  };
  const boolean = (value: string | undefined): boolean | undefined => {
    if (value === undefined || value === '') return undefined;
    return value === 'true' ? true : value === 'false' ? false : (value as unknown as boolean);
  };
  const { blocking } = text;
  return definedOf({
    agentId: text['agentId'] || undefined,
    prefix: text['prefix'],
    ttl: number(text['ttl']),
    heartbeat: number(text['heartbeat']),
    blocking: blocking === 'true' ? true : blocking === 'false' ? false : number(blocking),
    stopTimeout: number(text['stopTimeout']),
    startTimeout: number(text['startTimeout']),
    fencing: boolean(text['fencing']),
    maxTtl: number(text['maxTtl']),
    persistent: boolean(text['persistent']),
    nodeList: text['nodeList'] || undefined,
  });
}

/** Without the properties that are undefined, so that spreading it overwrites nothing. */
function definedOf<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}
