import type { BackendKind } from './backend-kind.js';
import { type BackendUrl, type KnownSchemes, takeApart } from './backend-url.js';
import type { DriverFactory } from './driver.js';
import { fileBackend } from './file/file.backend.js';
import { memoryBackend } from './memory/index.js';
import type { PostgresBackendOptions } from './postgres/options/index.js';
import { postgresBackend } from './postgres/postgres.backend.js';
import { redisBackend } from './redis/redis.backend.js';
import type { RedisBackendOptions } from './redis/options/index.js';
import { readQueries } from './url-query.js';

export type { BackendKind } from './backend-kind.js';

/** Options of back ends, each under its name. */
export interface BackendOptions {
  /** Redis: its options, or ready clients instead of a URL. Options that are only settings may stand beside another back end's URL. */
  readonly redis?: RedisBackendOptions | undefined;
  /** PostgreSQL: its options, or a pool of pg instead of a URL. Options that are only settings may stand beside another back end's URL. */
  readonly postgres?: PostgresBackendOptions | undefined;
}

/** Every kind of back end. Their drivers are not loaded yet. */
export const BACKENDS: readonly BackendKind[] = [fileBackend, memoryBackend, redisBackend, postgresBackend];

const SCHEMES: KnownSchemes = {
  all: BACKENDS.flatMap(({ schemes }) => schemes),
  bare: BACKENDS.filter(({ bareUrl }) => bareUrl).flatMap(({ schemes }) => schemes),
};

/** The chosen back end, before its options are checked. */
export interface BackendChoice {
  readonly kind: BackendKind;
  /** Options of the coordinator that came with the URL, as text. */
  readonly query: Readonly<Record<string, string>>;
  /** Options of this back end, including the ones from the URL. */
  readonly options: unknown;
  /** @throws an Error with one line, as {@link chooseBackend} does */
  readonly open: () => DriverFactory;
}

/** Whether the options alone choose a back end. */
export function needsNoUrl(options: BackendOptions): boolean {
  return claimsOf(options).length > 0;
}

/** The options that each choose a back end. */
export function claimsOf(options: BackendOptions): readonly string[] {
  return BACKENDS.flatMap((kind) => claimOf(kind, options) ?? []);
}

/**
 * Finds the back end by the scheme of the URL, or by the options that need none.
 *
 * @param generalKeys the options of the coordinator that the query of a URL may carry
 * @throws an Error with one line that says what is wrong with the URL; it names no secret
 */
export function chooseBackend(
  url: string | readonly string[] | undefined,
  options: BackendOptions,
  generalKeys: readonly string[],
): BackendChoice {
  const urls = url === undefined ? [] : takeApart(url, SCHEMES);
  const kind = kindOf(urls, options);
  const ownKeys = Object.keys(kind.options).filter((name) => kind.options[name]);
  const query = readQueries(
    urls.map(({ query }) => query),
    [...generalKeys, ...ownKeys, ...kind.urlKeys],
  );
  const own = merged(
    textOptions(kind, (name) => query.get(name)),
    givenTo(kind, options),
  );
  return {
    kind,
    query: Object.fromEntries([...query].filter(([key]) => generalKeys.includes(key))),
    options: own,
    open: () => kind.factoryFor(urls, query, own),
  };
}

function kindOf(urls: readonly BackendUrl[], options: BackendOptions): BackendKind {
  const kinds = new Set(urls.map(({ scheme }) => BACKENDS.find(({ schemes }) => schemes.includes(scheme))));
  const claims = BACKENDS.filter((kind) => claimOf(kind, options) !== undefined);
  const [kind = claims[0], other] = kinds;
  if (!kind) throw new Error('a URL is missing');
  if (other) {
    const [first, second] = [kind, other].map(({ name }) => name);
    throw new Error(
      `a list of URLs is for the nodes of one back end, and this one has ${first} and ${second}`,
    );
  }
  const stray = claims.find((claim) => claim !== kind);
  if (stray) {
    const by = urls.length > 0 ? `the URL is a ${urls[0]?.scheme}: URL` : `so is ${claimOf(kind, options)}`;
    throw new Error(`${claimOf(stray, options)} is given, but ${by}; leave one of the two out`);
  }
  return kind;
}

function claimOf(kind: BackendKind, options: BackendOptions): string | undefined {
  return kind.claimedBy(givenTo(kind, options));
}

/** The given options of this back end, checked or not. */
export function givenTo(kind: BackendKind, options: BackendOptions): unknown {
  return (options as Readonly<Record<string, unknown>>)[kind.name];
}

/** The options of a back end that are given as text, in the environment or in a URL. */
export function textOptions(
  { options }: BackendKind,
  textOf: (name: string, variable: string) => string | undefined,
): Readonly<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  for (const [name, option] of Object.entries(options)) {
    const text = option && textOf(name, option.variable);
    if (text !== undefined && text !== '') found[name] = option?.read(text);
  }
  return found;
}

/** Options that are given in code win over those in the URL. */
function merged(fromUrl: object, given: unknown): unknown {
  if (typeof given !== 'object' || given === null) return given ?? fromUrl;
  const defined = Object.entries(given).filter(([, value]) => value !== undefined);
  return Object.keys(fromUrl).length === 0 ? given : { ...fromUrl, ...Object.fromEntries(defined) };
}
