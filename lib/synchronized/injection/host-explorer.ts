import { Logger } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { logSafely } from '../../common/log-safely.js';
import { classNameOf } from '../../lock/name/class-name.js';
import { lockNameError } from '../../lock/name/lock-name-error.js';
import type { LockProvider } from '../../lock/lock-registry.js';
import { definitionOf } from '../definition.js';
import { bindHost, wantsCoordinator } from './host-binding.js';
import { methodsOf } from './methods-of.js';

/** What Nest knows of something that it provides. */
interface Wrapper {
  readonly metatype: unknown;
  readonly inject?: unknown;
  readonly instance: unknown;
  isDependencyTreeStatic(): boolean;
}

/** Gives the coordinator to every object of the application that has synchronized methods and was not injected with it. */
export function bindAllHosts(
  modules: ModulesContainer,
  name: string | undefined,
  provider: LockProvider,
): void {
  for (const wrapper of wrappersOf(modules)) {
    const host: unknown = wrapper.isDependencyTreeStatic() ? wrapper.instance : undefined;
    if (typeof host === 'object' && host !== null && wantsCoordinator(host, name))
      bindHost(host, name, provider);
  }
}

/**
 * Looks at the classes whose names are in lock names: another replica may know such a class by another name, and another class by this.
 *
 * @throws LockNameError for a class that a build has renamed
 */
export function checkClassNames(modules: ModulesContainer): void {
  const classes = new Map<string, Map<Function, string>>();
  for (const wrapper of wrappersOf(modules)) {
    for (const { method } of methodsOf(prototypeOf(wrapper))) {
      const { namedAfter, label } = definitionOf(method) ?? {};
      if (!namedAfter || label === undefined) continue;
      const name = classNameOf(namedAfter, (problem) => {
        throw lockNameError('<className>', label, problem);
      });
      classes.set(name, (classes.get(name) ?? new Map<Function, string>()).set(namedAfter, label));
    }
  }
  for (const [name, methods] of classes) if (methods.size > 1) warnOfTwins(name, [...methods.values()]);
}

function warnOfTwins(name: string, labels: readonly string[]): void {
  logSafely(() =>
    new Logger('CoordinationModule').warn(
      `${labels.length} classes are called '${name}' in lock names (${labels.join(', ')}), so their methods of one name exclude each other; give them names of their own with @LockScope('…')`,
    ),
  );
}

function* wrappersOf(modules: ModulesContainer): Iterable<Wrapper> {
  for (const module of modules.values()) {
    yield* module.providers.values();
    yield* module.controllers.values();
    yield* module.injectables.values();
  }
}

/** Of what is made per request there is no instance yet; of a factory there is no class. */
function prototypeOf({ metatype, inject, instance }: Wrapper): unknown {
  if (typeof metatype === 'function' && !inject)
    return (metatype as { readonly prototype?: unknown }).prototype;
  return typeof instance === 'object' && instance !== null ? Object.getPrototypeOf(instance) : undefined;
}
