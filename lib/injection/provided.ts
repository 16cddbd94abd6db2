import type { ModulesContainer } from '@nestjs/core';

/** Nest's entry for a provider, controller or injectable. */
export interface Provided {
  readonly metatype: unknown;
  readonly inject?: unknown;
  readonly instance: unknown;
  readonly isTransient: boolean;
  /** False where it is made for each request. */
  isDependencyTreeStatic(): boolean;
}

/** All providers, controllers and injectables of an application, some of them more than once. */
export function* providedBy(modules: ModulesContainer): Iterable<Provided> {
  for (const module of modules.values()) {
    yield* module.providers.values();
    yield* module.controllers.values();
    yield* module.injectables.values();
  }
}

/** A provider that is made per request has no instance yet, and one of a factory has no class. */
export function prototypeOf({
  metatype,
  inject,
  instance,
}: Pick<Provided, 'metatype' | 'inject' | 'instance'>): unknown {
  if (typeof metatype === 'function' && !inject)
    return (metatype as { readonly prototype?: unknown }).prototype;
  return typeof instance === 'object' && instance !== null ? Object.getPrototypeOf(instance) : undefined;
}
