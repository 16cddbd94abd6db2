import type { Clock } from '../../common/clock.js';
import { type CoordinationOptions, OPTION_VARIABLES, resolveOptions } from '../../coordination.options.js';
import { type BackendUrl, takeApart } from '../../drivers/backend-url.js';
import { BACKENDS, chooseBackend } from '../../drivers/driver.registry.js';
import { readQueries } from '../../drivers/url-query.js';

const GENERAL_KEYS = Object.keys(OPTION_VARIABLES).filter((name) => name !== 'backendUrl');

const SCHEMES = {
  all: BACKENDS.flatMap(({ schemes }) => schemes),
  bare: BACKENDS.filter(({ bareUrl }) => bareUrl).flatMap(({ schemes }) => schemes),
};

/** The options under examination, as the coordinator understands them. */
export interface Examined {
  /** The kind of back end. */
  readonly kind: string;
  readonly urls: readonly BackendUrl[];
  /** The queries of the URLs. */
  readonly query: ReadonlyMap<string, string>;
  /** The options of this kind of back end. */
  readonly options: unknown;
  readonly prefix: string;
  /** ms. */
  readonly ttl: number;
  readonly clock: Clock;
}

/**
 * Reads the options as a start does, and connects to nothing.
 * @throws InvalidOptionsError that lists all problems
 */
export function readOptions(options: CoordinationOptions, clock: Clock): Examined {
  const { prefix, ttl } = resolveOptions(options);
  const url = options.backendUrl ?? 'file:';
  const { kind, options: own } = chooseBackend(url, options, GENERAL_KEYS);
  const urls = takeApart(url, SCHEMES);
  const query = readQueries(
    urls.map((each) => each.query),
    [...GENERAL_KEYS, ...Object.keys(kind.options), ...kind.urlKeys],
  );
  return { kind: kind.name, urls, query, options: own, prefix, ttl, clock };
}
