import { Logger } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { quoted } from '../common/quoted.js';
import { logSafely } from '../common/log-safely.js';
import { classNameOf, lockNameError } from '../lock/name/index.js';
import type { LockProvider } from '../lock/index.js';
import {
  decoratedAt,
  definitionOf,
  knowSynchronized,
  type SynchronizedDefinition,
} from './definition/index.js';
import { bindHost, methodsOf, prototypeOf, providedBy, wantsCoordinator } from '../injection/index.js';

/** Gives the coordinator to every object of the application that has synchronized methods and was not injected with it. */
export function bindAllHosts(
  modules: ModulesContainer,
  name: string | undefined,
  provider: LockProvider,
): void {
  for (const wrapper of providedBy(modules)) {
    const host: unknown = wrapper.isDependencyTreeStatic() ? wrapper.instance : undefined;
    if (typeof host === 'object' && host !== null && wantsCoordinator(host, name))
      bindHost(host, name, provider);
  }
}

/**
 * Another decorator may have put a function in the place of a synchronized method, without the method's metadata. Gives that function
 * the method's definition. A function that stands in the place of several methods gets none.
 *
 * Call it before a handler is called, and again when factories have made their objects.
 */
export function knowWrappedMethods(modules: ModulesContainer): void {
  const places = new Map<Function, Set<SynchronizedDefinition | undefined>>();
  for (const wrapper of providedBy(modules)) {
    for (const { owner, name, method } of methodsOf(prototypeOf(wrapper))) {
      if (definitionOf(method)) continue;
      places.set(method, (places.get(method) ?? new Set()).add(decoratedAt(owner, name)));
    }
  }
  for (const [method, [definition, ...others]] of places)
    if (definition && others.length === 0) knowSynchronized(method, definition);
}

/**
 * Checks the classes whose names are in lock names: another replica may know such a class by another name, or another class by this name.
 *
 * @throws LockNameError for a class that a build has renamed
 */
export function checkClassNames(modules: ModulesContainer): void {
  const classes = new Map<string, Map<Function, string>>();
  for (const wrapper of providedBy(modules)) {
    const prototype = prototypeOf(wrapper);
    for (const definition of definitionsOf(prototype)) {
      for (const [field, type] of namesakesOf(definition, prototype)) {
        const name = classNameOf(type, (problem) => {
          throw lockNameError(field, definition.label, problem);
        });
        const methods = classes.get(name) ?? new Map<Function, string>();
        classes.set(name, methods.set(type, definition.label));
      }
    }
  }
  for (const [name, methods] of classes) if (methods.size > 1) warnOfTwins(name, [...methods.values()]);
}

/** The classes whose names are in a lock name, by the fields that put them there. */
function namesakesOf(
  { namedAfter, namedAfterThis }: SynchronizedDefinition,
  prototype: unknown,
): [field: string, type: Function][] {
  const classes: [string, Function][] = [];
  if (namedAfter) classes.push(['<className>', namedAfter]);
  const own: unknown = namedAfterThis && (prototype as object).constructor;
  if (typeof own === 'function') classes.push(['<this.constructor.name>', own]);
  return classes;
}

function warnOfTwins(name: string, labels: readonly string[]): void {
  logSafely(() =>
    new Logger('CoordinationModule').warn(
      `${labels.length} classes are called '${name}' in lock names (${labels.join(', ')}), so their methods of one name exclude each other; give them names of their own with @LockScope('…') directly above each`,
    ),
  );
}

/** Methods that take one lock. No argument is part of its name, so the name may have been chosen twice by mistake. */
interface SharedLock {
  readonly name: string;
  readonly definitions: Set<SynchronizedDefinition>;
}

/** Warns of different methods whose lock names are the same constant: they exclude each other, which may not be meant. */
export function checkConstantNames(modules: ModulesContainer): void {
  const locks = new Map<string, SharedLock>();
  for (const wrapper of providedBy(modules)) {
    for (const definition of definitionsOf(prototypeOf(wrapper))) {
      // Methods that share a limit do so on purpose, and so do the calls of one method.
      if (!definition.constant || definition.permits !== undefined) continue;
      for (const name of [definition.nameOf(undefined, [])].flat()) {
        const key = JSON.stringify([definition.options.coordinator, name]);
        const lock = locks.get(key) ?? { name, definitions: new Set() };
        lock.definitions.add(definition);
        locks.set(key, lock);
      }
    }
  }
  const unseen = [...locks.values()].filter(isUnseen);
  if (unseen.length > 0) warnOfSharedLocks(unseen);
}

function definitionsOf(prototype: unknown): SynchronizedDefinition[] {
  return methodsOf(prototype)
    .map(({ method }) => definitionOf(method))
    .filter((definition) => definition !== undefined);
}

function isUnseen({ definitions }: SharedLock): boolean {
  const all = [...definitions];
  // When all of them are named after their classes, another warning tells of the classes.
  return (
    all.length > 1 &&
    !all.every(({ namedAfter }) => namedAfter) &&
    !all.every(({ options }) => options.shareLock)
  );
}

function warnOfSharedLocks(locks: readonly SharedLock[]): void {
  const list = locks.map(({ name, definitions }) => {
    const labels = [...definitions].map(({ label }) => label);
    return `${quoted(name)} by ${labels.join(', ')}`;
  });
  logSafely(() =>
    new Logger('CoordinationModule').warn(
      `Different methods take the same lock, and so exclude each other: ${list.join('; ')}; give each a name of its own, for example '<className>-<fName>', or say shareLock: true on each method where this is meant`,
    ),
  );
}
