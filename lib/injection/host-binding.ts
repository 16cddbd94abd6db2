import { Inject } from '@nestjs/common';
import { type LockProvider, startedManagerOf } from '../lock/index.js';
import { getCoordinatorToken } from '../coordination.tokens.js';

/**
 * The coordinators of each object, by their names; undefined is the name of an unnamed one. An object that several applications
 * provide has several coordinators of one name, the first one first.
 */
const bindings = new WeakMap<object, Map<string | undefined, readonly LockProvider[]>>();

/** The names of the coordinators that the methods of a class want, on its prototype. */
const WANTED = Symbol.for('nestjs-coordination:wanted-coordinators');

/** The coordinator that was given to this object under that name; of several the first that is started. */
export function boundProvider(host: unknown, name: string | undefined): LockProvider | undefined {
  const bound = typeof host === 'object' && host !== null ? bindings.get(host)?.get(name) : undefined;
  return bound && (bound.length === 1 ? bound[0] : (bound.find(startedManagerOf) ?? bound.at(-1)));
}

/**
 * Gives an object its coordinator. An object belongs to the first application that provides it for as long as that one runs: several
 * applications may provide one value, one after the other or side by side.
 */
export function bindHost(host: object, name: string | undefined, provider: LockProvider): void {
  let providers = bindings.get(host);
  if (!providers) bindings.set(host, (providers = new Map()));
  const bound = providers.get(name) ?? [];
  if (bound.includes(provider)) return;
  providers.set(name, [...bound.filter(startedManagerOf), provider]);
}

/**
 * True when methods of the object want the coordinator with that name. Asks the prototype: the object may be a proxy that throws for
 * properties that it does not know.
 */
export function wantsCoordinator(host: object, name: string | undefined): boolean {
  const prototype: unknown = Object.getPrototypeOf(host);
  if (typeof prototype !== 'object' || prototype === null) return false;
  const wanted: unknown = Reflect.get(prototype, WANTED);
  return wanted instanceof Set && wanted.has(name);
}

/**
 * Lets Nest inject the coordinator into every object of a class, without a parameter of its constructor. Nest sets a property whose
 * setter only remembers the coordinator.
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
