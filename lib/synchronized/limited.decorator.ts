import { checkLimitedOptions, type LimitedOptions, type LimitNameFunction } from './definition/index.js';
import { decoratorNamed, type SynchronizedDecorator } from './synchronized.decorator.js';

/**
 * Runs a method with a permit: at most so many calls at a time for each name, over all replicas. Everything else is as with
 * `@Synchronized`: the methods that it may stand on, how the name is made, how long a handler keeps its permit.
 *
 * @param name a format string, as `<tenant.id>-export`, or a function of the method's arguments that makes one name; methods with the same
 * name share its permits
 * @param permits a whole number from 1 to 1000
 * @throws LockNameError or InvalidOptionsError when the class is loaded, naming class and method
 *
 * The decorated method rejects with LimitReachedError (429) when no permit was free within the time limit, LeaseLostError (409) when
 * it was lost while the body ran, BackendUnavailableError (503), and LockNameError (500) for a missing value.
 *
 * @example
 * \@Limited('<tenant.id>-export', 3, { blocking: 5000 })
 * async export(tenant: Tenant): Promise<Buffer> {}
 *
 * @publicApi
 */
export function Limited(
  name: string,
  permits: number,
  options?: LimitedOptions,
): SynchronizedDecorator<() => string>;
export function Limited<K extends LimitNameFunction>(
  name: K,
  permits: number,
  options?: LimitedOptions,
): SynchronizedDecorator<K>;
export function Limited(
  name: string | LimitNameFunction,
  permits: number,
  options: LimitedOptions = {},
): SynchronizedDecorator<() => string> {
  const check = (where: string): void => checkLimitedOptions(permits, options, where);
  return decoratorNamed('@Limited', name, options, check, permits);
}
