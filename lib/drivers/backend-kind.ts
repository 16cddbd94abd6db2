import type { BackendUrl } from './backend-url.js';
import type { DriverFactory } from './driver.js';

/** An option that may also be given as text. */
export interface TextOption {
  /** Its environment variable. */
  readonly variable: string;
  /** Reads the text; returns text without a meaning unchanged, so that the check can show it. */
  readonly read: (text: string) => unknown;
}

/**
 * One kind of back end, as far as it is known before its driver is loaded: schemes, options, and how to get the driver. It
 * must not import the driver: every application would then load the clients of all back ends.
 */
export interface BackendKind {
  /** The option of the module that holds the options of this back end. */
  readonly name: string;
  readonly schemes: readonly string[];
  /** Whether its URLs may do without "//", as `memory:` does. */
  readonly bareUrl?: boolean;
  /** Its options by name; undefined for one that cannot be given as text. */
  readonly options: Readonly<Record<string, TextOption | undefined>>;
  /** The keys, besides options, that the query of its URLs may have. */
  readonly urlKeys: readonly string[];

  /** The option that only this back end understands, if one is given: the URL of another back end beside it must be a mistake. */
  claimedBy(options: unknown): string | undefined;

  /**
   * Checks the options.
   * @param options undefined when there are none
   * @param ttl the coordinator's lease time, ms; NaN when it is wrong
   * @returns every problem as a sentence that names the option
   */
  problemsOf(options: unknown, ttl: number): readonly string[];

  /**
   * Reads the URLs. Connects to nothing and loads nothing.
   * @param urls empty when the options alone say where the back end is
   * @param query all keys and values of the URLs' queries, options among them
   * @param options checked; those that the query gives are among them
   * @throws an Error with one line that says what is wrong and what to do; it names no secret
   */
  factoryFor(
    urls: readonly BackendUrl[],
    query: ReadonlyMap<string, string>,
    options: unknown,
  ): DriverFactory;
}
