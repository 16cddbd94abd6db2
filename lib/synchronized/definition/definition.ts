import { isObservable, Observable } from 'rxjs';
import type { CallOrigin } from '../../common/call-origin.js';
import { type InMs, type LockProvider, theRunningProviderNamed } from '../../lock/index.js';
import type { LockNames } from '../../lock/name/index.js';
import { boundProvider } from '../../injection/index.js';
import type { SynchronizedOptions } from './synchronized.options.js';

export type ReturnKind = 'promise' | 'observable' | 'async-iterable';

/** Where a wrapper keeps the definition it was made from; found there also through another wrapper that copies metadata. */
const DEFINITION = Symbol.for('nestjs-coordination:synchronized');

/** One method under `@Synchronized`, as the decorator knows it. */
export interface SynchronizedDefinition {
  /** `ShareService.extend`, for logs and messages. */
  readonly label: string;
  readonly options: InMs<SynchronizedOptions>;
  /** The same for every call. */
  readonly origin: CallOrigin;
  readonly returns: ReturnKind;
  /** True when the method has taken the HTTP response by `@Res()` or `@Next()`, so that Nest does not answer for it. */
  readonly takesResponse: boolean;
  /** Of `@Limited`: how many calls have a permit at a time. Otherwise the method is under a lock. */
  readonly permits?: number | undefined;
  /** Whether the name depends on no argument and not on `this`. */
  readonly constant: boolean;
  /** The class whose name is in the lock name, if it is. */
  readonly namedAfter?: Function;
  /** Whether the name of the object's own class is in the lock name. */
  readonly namedAfterThis?: boolean;
  /** @throws LockNameError, for a value that cannot name a lock */
  nameOf(self: unknown, args: readonly unknown[]): LockNames;
}

/** By prototype and key, as a decorator above may put a function of its own in the place of the wrapper, without its metadata. */
const decorated = new WeakMap<object, Map<string | symbol, SynchronizedDefinition>>();

const wrappers = new WeakSet<object>();

/** @param wrapper takes the lock itself */
export function defineSynchronized(wrapper: object, definition: SynchronizedDefinition): void {
  wrappers.add(wrapper);
  knowSynchronized(wrapper, definition);
}

/** @param method calls the wrapper, as a decorator above has made it */
export function knowSynchronized(method: object, definition: SynchronizedDefinition): void {
  Reflect.defineMetadata(DEFINITION, definition, method);
}

/** Whether that function takes the lock itself: a decorator above may call it several times, or when the call has ended. */
export function isWrapper(method: object): boolean {
  return wrappers.has(method);
}

/** Notes that the method of a prototype was decorated, whatever it is replaced with later. */
export function noteDecorated(owner: object, key: string | symbol, definition: SynchronizedDefinition): void {
  const methods = decorated.get(owner) ?? new Map<string | symbol, SynchronizedDefinition>();
  decorated.set(owner, methods.set(key, definition));
}

/** The definition with which the method of this very prototype was decorated. */
export function decoratedAt(owner: object, key: string | symbol): SynchronizedDefinition | undefined {
  return decorated.get(owner)?.get(key);
}

export function definitionOf(method: unknown): SynchronizedDefinition | undefined {
  if (typeof method !== 'function') return undefined;
  return Reflect.getMetadata(DEFINITION, method) as SynchronizedDefinition | undefined;
}

/** The coordinator that was injected into the object, or the only one in this process that has the name. */
export function providerOf(definition: SynchronizedDefinition, self: unknown): LockProvider {
  const { coordinator } = definition.options;
  return boundProvider(self, coordinator) ?? theRunningProviderNamed(coordinator, definition.label);
}

export function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

const AsyncGeneratorFunction = Object.getPrototypeOf(async function* () {}) as object;

/**
 * The kind of the method's result, as far as it is known before the call: an Observable must be returned at once, and
 * an async generator takes the lock with its first value.
 */
export function returnKindOf(method: object, declaredType: unknown): ReturnKind {
  if (Object.getPrototypeOf(method) === AsyncGeneratorFunction) return 'async-iterable';
  if (typeof declaredType !== 'function') return 'promise';
  const isObservableClass =
    declaredType === Observable ||
    declaredType.prototype instanceof Observable ||
    isObservable(declaredType.prototype);
  return isObservableClass ? 'observable' : 'promise';
}
