import { Inject } from '@nestjs/common';
import type { LockProvider } from '../lock/index.js';
import { getCoordinatorToken } from '../coordination.tokens.js';

/** Which coordinators an object was given, by their names; undefined is the name of an unnamed one. */
const bindings = new WeakMap<object, Map<string | undefined, LockProvider>>();

/** The names of the coordinators that the methods of a class want, on its prototype. */
const WANTED = Symbol.for('nestjs-coordination:wanted-coordinators');

/** The coordinator that was given to this object under that name. */
export function boundProvider(host: unknown, name: string | undefined): LockProvider | undefined {
  return typeof host === 'object' && host !== null ? bindings.get(host)?.get(name) : undefined;
}

/** Gives an object its coordinator. The first one stays: an object belongs to one application. */
export function bindHost(host: object, name: string | undefined, provider: LockProvider): void {
  let providers = bindings.get(host);
  if (!providers) bindings.set(host, (providers = new Map()));
  if (!providers.has(name)) providers.set(name, provider);
}

/**
 * True when methods of the object want the coordinator with that name. Asks the prototype: what an application
 * provides may be a proxy that throws for properties that it does not know.
 */
export function wantsCoordinator(host: object, name: string | undefined): boolean {
  const prototype: unknown = Object.getPrototypeOf(host);
  if (typeof prototype !== 'object' || prototype === null) return false;
  const wanted: unknown = Reflect.get(prototype, WANTED);
  return wanted instanceof Set && wanted.has(name);
}

/**
 * Has Nest inject the coordinator into every object of a class, without a word in its constructor: a property whose
 * setter only remembers what it was given.
 *
 * @param decorator that wants it, for the message of Nest when there is none
 */
export function injectCoordinator(
  prototype: object,
  name: string | undefined,
  decorator = '@Synchronized',
): void {
  const inherited: unknown = Reflect.get(prototype, WANTED);
  const wanted = new Set(inherited instanceof Set ? (inherited as Set<string | undefined>) : []);
  if (wanted.has(name)) return;
  wanted.add(name);
  Object.defineProperty(prototype, WANTED, { value: wanted, configurable: true });

  // Nest shows this text when it cannot find the coordinator.
  const [which, remedy] = name === undefined ? ['', ''] : [` "${name}"`, `{ name: '${name}' }`];
  const property = Symbol(
    `the coordinator${which} of ${decorator}: import CoordinationModule.forRoot(${remedy}) to provide it`,
  );
  Object.defineProperty(prototype, property, {
    configurable: true,
    get(this: object) {
      return boundProvider(this, name);
    },
    set(this: object, provider: LockProvider) {
      bindHost(this, name, provider);
    },
  });
  Inject(getCoordinatorToken(name))(prototype, property);
}
