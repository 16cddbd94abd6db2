import type { CanActivate, ControllerOptions, DynamicModule, Type } from '@nestjs/common';
import { shown } from '../common/checks.js';
import { InvalidOptionsError } from '../errors.js';

/**
 * The path, the guard and the title of the page.
 * @publicApi
 */
export interface DashboardOptions {
  /** Where the page is, below the global prefix of the application; default `coordination`. */
  readonly path?: string | undefined;
  /**
   * A guard of the application, as a class or an object: it decides who may see the page and break locks. `false` lets every client that
   * reaches the application do both, and has to be said outright.
   */
  readonly guard: Type<CanActivate> | CanActivate | false;
  /** The name of the coordinator whose locks are shown, where the application has several. */
  readonly name?: string | undefined;
  /** The heading of the page; default the coordinator's name, or "Coordination". */
  readonly title?: string | undefined;
  /** The version of the routes, where the application has versions; default none: the page is at its path for every version. */
  readonly version?: ControllerOptions['version'];
  /** Modules with what the guard has injected, and with the coordinator where that is not global. */
  readonly imports?: DynamicModule['imports'] | undefined;
}

const KNOWN = ['path', 'guard', 'name', 'title', 'version', 'imports'];

/** @throws InvalidOptionsError that lists everything that is wrong */
export function checkDashboardOptions(options: unknown): asserts options is DashboardOptions {
  if (typeof options !== 'object' || options === null)
    throw new InvalidOptionsError(
      `CoordinationDashboardModule.register: its options must be an object, got ${shown(options)}; it needs a guard at least`,
    );
  const { path, guard, name, title } = options as Readonly<Record<string, unknown>>;
  const problems = [
    ...Object.keys(options)
      .filter((key) => !KNOWN.includes(key))
      .map((key) => `unknown option ${shown(key)}, known are ${KNOWN.join(', ')}`),
    ...guardProblems(guard),
    ...textProblems({ path, name, title }),
  ];
  if (problems.length > 0)
    throw new InvalidOptionsError(`CoordinationDashboardModule.register: ${problems.join('; ')}`);
}

function guardProblems(guard: unknown): string[] {
  if (guard === false) return [];
  if (guard === undefined)
    return [
      'it needs a guard, as the page shows and breaks locks: give a guard of the application, or guard: false to let everybody in who reaches it',
    ];
  const isClass = typeof guard === 'function' && typeof guard.prototype?.canActivate === 'function';
  const isObject =
    typeof guard === 'object' &&
    guard !== null &&
    'canActivate' in guard &&
    typeof guard.canActivate === 'function';
  return isClass || isObject
    ? []
    : [`guard must be a guard of Nest, with canActivate(), or false, got ${shown(guard)}`];
}

function textProblems(texts: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(texts)
    .filter(([, value]) => value !== undefined && (typeof value !== 'string' || value === ''))
    .map(([name, value]) => `${name} must be a non-empty string, got ${shown(value)}`);
}
