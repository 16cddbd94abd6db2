import { isObservable, type Observable } from 'rxjs';
import { InvalidOptionsError } from '../errors.js';
import { makeKnown } from '../common/call-origin.js';
import type { Cancellation } from '../common/cancellation.js';
import { type HeldLease, runAndFinish } from '../lock/lease/index.js';
import { inMs } from '../lock/index.js';
import { joinedName, type LockNames } from '../lock/name/index.js';
import {
  laterPartOf,
  lockedIterable,
  lockedObservable,
  readTooLate,
  Scope,
  takesResponse,
} from './scope/index.js';
import {
  copyFace,
  injectCoordinator,
  isStandardDecorator,
  labelOf,
  standardDecorators,
} from '../injection/index.js';
import {
  checkSynchronizedOptions,
  defineSynchronized,
  definitionOf,
  type LockNameFunction,
  noteDecorated,
  providerOf,
  returnKindOf,
  type SynchronizedDefinition,
  type SynchronizedOptions,
  type SynchronizedResult,
  takeLease,
} from './definition/index.js';
import { kindOf, type NamingDecorator, namingOf } from './naming/index.js';
import { wantRequestHolds } from './request/index.js';

type Method = (...args: never[]) => SynchronizedResult;
type Call = (this: unknown, ...args: unknown[]) => unknown;

/** `unknown` when the key function can be called with the method's arguments; otherwise `never`, which does not compile. */
type Fits<K, M extends Method> = K extends (...args: Parameters<M>) => LockNames ? unknown : never;

/**
 * The decorator that `@Synchronized` makes, for methods that return a promise, an Observable or an async iterable, with
 * parameters that the key function takes.
 *
 * @publicApi
 */
export interface SynchronizedDecorator<K extends (...args: never[]) => LockNames = () => string> {
  <M extends Method>(
    target: object,
    propertyKey: string | symbol,
    descriptor: TypedPropertyDescriptor<M> & Fits<K, M>,
  ): void;
  /**
   * Never called like that: it makes this a `MethodDecorator`, for `applyDecorators` and helpers that return one. The compiler cannot
   * check the method there.
   */
  (): void;
}

/**
 * Runs a method under a lock, on every replica: one at a time for each lock name.
 *
 * @param lockName a format string, as `<fName>-<share.id>`, over the names of the method's parameters, `this`, `fName`
 * and `className`; or a list of them, whose locks are taken together, all or none; or a function of the method's arguments that makes
 * a name, or a list
 * @throws LockNameError or InvalidOptionsError when the class is loaded, naming class and method
 *
 * The decorated method rejects with LockAcquireFailedError (423) when another holder had the lock, LeaseLostError (409)
 * when it was lost while the body ran, BackendUnavailableError (503), and LockNameError (500) for a missing value.
 *
 * @example
 * \@Synchronized('<fName>-<share.id>', { blocking: 5000 })
 * async extend(share: Share, size: number): Promise<void> {}
 *
 * @publicApi
 */
export function Synchronized(
  lockName: LockNames,
  options?: SynchronizedOptions,
): SynchronizedDecorator<() => string>;
export function Synchronized<K extends LockNameFunction>(
  lockName: K,
  options?: SynchronizedOptions,
): SynchronizedDecorator<K>;
export function Synchronized(
  lockName: LockNames | LockNameFunction,
  options: SynchronizedOptions = {},
): SynchronizedDecorator<() => string> {
  const check = (where: string): void => checkSynchronizedOptions(options, where);
  return decoratorNamed('@Synchronized', lockName, options, check);
}

/**
 * @param check throws for wrong options
 * @param permits how many calls run at a time; undefined for a method under a lock
 */
export function decoratorNamed(
  decorator: NamingDecorator,
  lockName: LockNames | LockNameFunction,
  options: SynchronizedOptions,
  check: (where: string) => void,
  permits?: number,
): SynchronizedDecorator<() => string> {
  const decorate = (
    target: object,
    propertyKey: string | symbol,
    descriptor: PropertyDescriptor | undefined,
  ): void => {
    if (isStandardDecorator(propertyKey)) throw standardDecorators(decorator);
    const where = `${decorator} on ${labelOf(target, propertyKey)}`;
    const method = methodOf(target, descriptor, where);
    check(where);
    const returnType: unknown = Reflect.getMetadata('design:returntype', target, propertyKey);
    const label = labelOf(target, propertyKey);
    // First, as it checks the name.
    const naming = namingOf(lockName, target, propertyKey, decorator);
    const template = typeof lockName === 'function' ? undefined : joinedName(lockName);
    const definition: SynchronizedDefinition = {
      label,
      origin: { function: label, template, permits },
      options: inMs(options),
      permits,
      returns: options.returns ?? returnKindOf(method, returnType),
      takesResponse: takesResponse(target, propertyKey),
      ...naming,
    };
    checkBeforeInterceptors(definition, where);
    if (options.until !== undefined) wantRequestHolds();
    const wrapper = wrap(method, definition);
    copyFace(method, wrapper);
    defineSynchronized(wrapper, definition);
    noteDecorated(target, propertyKey, definition);
    makeKnown({ kind: 'lock', name: template, function: label });
    if (descriptor) descriptor.value = wrapper;
    injectCoordinator(target, options.coordinator);
  };
  return decorate as SynchronizedDecorator<() => string>;
}

function methodOf(target: object, descriptor: PropertyDescriptor | undefined, where: string): Call {
  if (typeof target === 'function') {
    throw new InvalidOptionsError(
      `${where}: it is static; decorate a method of an instance that Nest provides`,
    );
  }
  const method: unknown = descriptor?.value;
  if (typeof method !== 'function') {
    throw new InvalidOptionsError(
      `${where}: it is no method (an arrow-function property or an accessor cannot be wrapped); write it as a method`,
    );
  }
  if (definitionOf(method)) {
    throw new InvalidOptionsError(
      `${where}: @Synchronized or @Limited is there already; one method takes one lock or one permit, so merge the two, or let this method call another one that has the second`,
    );
  }
  return method as Call;
}

/** @throws InvalidOptionsError when the lock cannot be taken so early */
function checkBeforeInterceptors(definition: SynchronizedDefinition, where: string): void {
  const { options, constant, returns } = definition;
  if (!options.beforeInterceptors) return;
  if (!constant) {
    throw new InvalidOptionsError(
      `${where}: beforeInterceptors takes the lock before its arguments are known; use a name without parameters, as 'reports-<fName>', or leave the option out`,
    );
  }
  if (returns === 'async-iterable') {
    throw new InvalidOptionsError(
      `${where}: beforeInterceptors is not for async generators, which take their lock with their first value; leave the option out`,
    );
  }
}

/** The function that stands in the place of the method from now on. */
function wrap(method: Call, definition: SynchronizedDefinition): Call {
  if (definition.returns === 'observable') {
    return function (...args) {
      const body = (): Observable<unknown> => observableOf(method.apply(this, args), definition);
      const scope = Scope.of(definition);
      if (scope) return scope.enter(this, args, body);
      return lockedObservable(definition, (left) => takeFor(definition, this, args, left), body);
    };
  }
  if (definition.returns === 'async-iterable') {
    return function (...args) {
      const body = (): AsyncIterable<unknown> => method.apply(this, args) as AsyncIterable<unknown>;
      const scope = Scope.of(definition);
      const take = (left: Cancellation): Promise<HeldLease | undefined> =>
        takeFor(definition, this, args, left);
      return lockedIterable(definition, take, body, () => scope?.cutAnswer());
    };
  }
  const check = checkOf(definition);
  return function (...args) {
    const scope = Scope.of(definition);
    if (scope) return scope.enter(this, args, () => method.apply(this, args));
    return runAlone(definition, this, args, () => method.apply(this, args), check);
  };
}

/** Refuses a result that is read after the lock was given back, unless the application says that this is meant. */
function checkOf({ label, options }: SynchronizedDefinition): ((result: unknown) => void) | undefined {
  if (options.returns === 'promise') return undefined;
  return (result) => {
    const later = laterPartOf(result);
    if (later) throw readTooLate(later, label);
  };
}

async function runAlone(
  definition: SynchronizedDefinition,
  self: unknown,
  args: readonly unknown[],
  body: () => unknown,
  check: ((result: unknown) => void) | undefined,
): Promise<unknown> {
  const name = definition.nameOf(self, args);
  const lease = await takeLease(definition, providerOf(definition, self), name);
  if (!lease) return undefined;
  // Awaited here, which is cheaper for every call than to hand the promise on.
  return await runAndFinish(lease, definition.label, body, definition.options.onLost, check);
}

/** `async`, so that a name that cannot be made is a rejection like every other failure. */
async function takeFor(
  definition: SynchronizedDefinition,
  self: unknown,
  args: readonly unknown[],
  left: Cancellation,
): Promise<HeldLease | undefined> {
  const name = definition.nameOf(self, args);
  return takeLease(definition, providerOf(definition, self), name, left);
}

function observableOf(result: unknown, { label }: SynchronizedDefinition): Observable<unknown> {
  if (isObservable(result)) return result;
  throw new InvalidOptionsError(`${label}: its signature says Observable, but it returned ${kindOf(result)}`);
}
