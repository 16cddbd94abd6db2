import type { ModulesContainer } from '@nestjs/core';

/** What Nest knows of something that it provides. */
export interface Provided {
  readonly metatype: unknown;
  readonly inject?: unknown;
  readonly instance: unknown;
  readonly isTransient: boolean;
  /** False where it is made for each request. */
  isDependencyTreeStatic(): boolean;
}

/** All that the modules of an application provide, some of it more than once. */
export function* providedBy(modules: ModulesContainer): Iterable<Provided> {
  for (const module of modules.values()) {
    yield* module.providers.values();
    yield* module.controllers.values();
    yield* module.injectables.values();
  }
}

/** Of what is made per request there is no instance yet; of a factory there is no class. */
export function prototypeOf({
  metatype,
  inject,
  instance,
}: Pick<Provided, 'metatype' | 'inject' | 'instance'>): unknown {
  if (typeof metatype === 'function' && !inject)
    return (metatype as { readonly prototype?: unknown }).prototype;
  return typeof instance === 'object' && instance !== null ? Object.getPrototypeOf(instance) : undefined;
}
