import { shown } from './common/checks.js';
import {
  type BackendChoice,
  type BackendOptions,
  BACKENDS,
  chooseBackend,
  claimsOf,
  givenTo,
  needsNoUrl,
} from './drivers/driver.registry.js';
import type { Driver, DriverFactory } from './drivers/driver.js';
import { InvalidOptionsError } from './errors.js';

export const URL_VARIABLE = 'COORDINATION_BACKEND_URL';
const URL_OPTION = `backendUrl (${URL_VARIABLE})`;
const DEFAULT_URL = 'file:';

/** The options that say where the locks live. */
export interface BackendGiven extends BackendOptions {
  readonly backendUrl?: string | readonly string[] | undefined;
  readonly driver?: DriverFactory | undefined;
}

/** Where the locks live: at the back end of a URL, or wherever a driver of the application has them. */
export interface ChosenBackend {
  /** Options of the coordinator that came with the URL, as text. */
  readonly query: Readonly<Record<string, string>>;
  /** The problems with the options of the back ends, one per line. */
  problemsOf(ttl: number): readonly string[];
  /** Undefined when no driver can be made; the problems then say why. */
  open(): DriverFactory | undefined;
}

/**
 * Reads off the options where the locks live.
 * @param queryKeys the options of the coordinator that the query of a URL may carry
 * @param problems gets the problems with the URL or the driver
 */
export function chosenBackend(
  options: BackendGiven,
  queryKeys: readonly string[],
  problems: string[],
): ChosenBackend {
  const backend = options.driver === undefined ? backendOf(options, queryKeys, problems) : undefined;
  return {
    query: backend?.query ?? {},
    problemsOf: (ttl) => backendProblems(options, backend, ttl),
    open: () => (backend ? attempt(backend.open, problems) : givenDriver(options, problems)),
  };
}

function backendOf(
  options: BackendGiven,
  queryKeys: readonly string[],
  problems: string[],
): BackendChoice | undefined {
  const url = options.backendUrl ?? (needsNoUrl(options) ? undefined : defaultUrl(problems));
  return attempt(() => chooseBackend(url, options, queryKeys), problems);
}

function defaultUrl(problems: string[]): string {
  if (process.env['NODE_ENV'] === 'production') {
    problems.push(
      `${URL_OPTION} has to be given when NODE_ENV is "production": the default coordinates the processes of one machine only; "file:" says that this is meant`,
    );
  }
  return DEFAULT_URL;
}

/** The driver that is given as an option, and must be the only thing that says where the locks live. */
function givenDriver(options: BackendGiven, problems: string[]): DriverFactory | undefined {
  const { driver, backendUrl } = options;
  if (driver === undefined) return undefined;
  const others = [...(backendUrl === undefined ? [] : [URL_OPTION]), ...claimsOf(options)];
  for (const other of others)
    problems.push(`driver and ${other} are both given, and each says where the locks live; leave one out`);
  if (typeof driver !== 'function') {
    problems.push(`driver must be a function that makes a driver, got ${shown(driver)}`);
    return undefined;
  }
  return async (context) => checkDriver(await driver(context));
}

/** @throws InvalidOptionsError for an object that is no driver */
function checkDriver(driver: Driver): Driver {
  const given: Partial<Record<keyof Driver, unknown>> = driver ?? {};
  const works = typeof given.start === 'function' && typeof given.stop === 'function';
  if (works && given.traits && given.locks && given.records) return driver;
  throw new InvalidOptionsError(
    `The option driver of CoordinationModule must make an object with start(), stop(), traits, locks and records, got ${shown(driver)}`,
  );
}

/** Options of every back end are checked: an application may leave those of Redis beside the `memory:` of its tests. */
function backendProblems(options: BackendOptions, backend: BackendChoice | undefined, ttl: number): string[] {
  return BACKENDS.flatMap((kind) => {
    const problems = kind.problemsOf(givenTo(kind, options), ttl);
    if (problems.length > 0 || kind !== backend?.kind) return problems;
    return kind.problemsOf(backend.options, ttl);
  });
}

function attempt<T>(read: () => T, problems: string[]): T | undefined {
  try {
    return read();
  } catch (error) {
    problems.push(`${URL_OPTION}: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}
