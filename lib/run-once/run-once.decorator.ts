import { InvalidOptionsError } from '../errors.js';
import {
  copyFace,
  injectCoordinator,
  isStandardDecorator,
  labelOf,
  standardDecorators,
} from '../injection/index.js';
import { defineRunOnce, type RunOnceDefinition, runOnceOf } from './definition.js';
import { type RunOnceOptions, runOnceSettings } from './run-once.options.js';
import { runJob } from './run-job.js';

type Method = (this: unknown, ...args: unknown[]) => unknown;

/**
 * Runs a scheduled method once per tick over all replicas, however short it is and however far their clocks are apart. It stands beside
 * `@Cron`, `@Interval` or `@Timeout` of @nestjs/schedule, in either order, or alone with the option `every`.
 *
 * A tick is started at most once, unless `onCrash: 'rerun'` asks for at least once. The method runs under a lease, which
 * `currentRun()` gives. A replica that does not run a tick gets undefined.
 *
 * The job's name is `name`; by default that of the scheduled job, else `<className>.<method>`.
 *
 * A call that no scheduler makes (that of an admin endpoint, say) runs under the same lock and has no tick; it rejects with
 * LockAcquireFailedError while the job runs.
 *
 * @throws InvalidOptionsError when the class is loaded, naming class and method
 *
 * @example
 * \@Cron('0 3 * * *', { name: 'nightly' })
 * \@RunOnce()
 * async nightly() {
 *   await this.reports.make(currentRun()?.tick);
 * }
 *
 * @publicApi
 */
export function RunOnce(options?: RunOnceOptions): MethodDecorator;
export function RunOnce(name: string, options?: RunOnceOptions): MethodDecorator;
export function RunOnce(
  nameOrOptions: string | RunOnceOptions = {},
  more: RunOnceOptions = {},
): MethodDecorator {
  const options = typeof nameOrOptions === 'string' ? { ...more, name: nameOrOptions } : nameOrOptions;
  return (target: object, propertyKey: string | symbol, descriptor?: PropertyDescriptor): void => {
    if (isStandardDecorator(propertyKey)) throw standardDecorators('@RunOnce');
    const label = labelOf(target, propertyKey);
    const where = `@RunOnce on ${label}`;
    const settings = runOnceSettings(options, where);
    const method = methodOf(target, descriptor, where);
    const definition: RunOnceDefinition = { label, propertyKey, settings };
    const wrapper: Method = function (...args) {
      return runJob(definition, this, () => method.apply(this, args));
    };
    copyFace(method, wrapper);
    defineRunOnce(wrapper, definition);
    if (descriptor) descriptor.value = wrapper;
    injectCoordinator(target, settings.coordinator);
  };
}

function methodOf(target: object, descriptor: PropertyDescriptor | undefined, where: string): Method {
  const method: unknown = descriptor?.value;
  if (typeof target === 'function' || typeof method !== 'function') {
    throw new InvalidOptionsError(
      `${where}: it is no method of an instance (it is static, an accessor or an arrow-function property); write it as a method`,
    );
  }
  if (runOnceOf(method))
    throw new InvalidOptionsError(`${where}: it is there already; leave one of them out`);
  return method as Method;
}
