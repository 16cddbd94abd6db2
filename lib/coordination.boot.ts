import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { COORDINATION_MODULE_OPTIONS } from './coordination.constants.js';
import { InvalidOptionsError } from './errors.js';

type NestModule = ModulesContainer extends Map<string, infer M> ? M : never;

/**
 * Runs at every boot, in front of the coordinator: Nest makes neither the coordinator nor its module at boot when the options
 * depend on a request.
 */
@Injectable()
export class ModuleBoot implements OnModuleInit {
  /** Private, so that inspecting an application does not print all of its modules. */
  readonly #modules: ModulesContainer;

  constructor(@Inject(ModulesContainer) modules: ModulesContainer) {
    this.#modules = modules;
    for (const module of ownModules(modules)) comeFirst(module);
  }

  /** @throws InvalidOptionsError when the options depend on a request: Nest would start no such coordinator */
  onModuleInit(): void {
    for (const module of ownModules(this.#modules)) refuseRequestScope(module);
  }
}

function ownModules(modules: ModulesContainer): NestModule[] {
  return [...modules.values()].filter((module) => module.providers.has(ModuleBoot));
}

/**
 * Nest runs the hooks of modules by their distance from the root, the farthest first, and at shutdown last. Every global module
 * has the same distance, Number.MAX_VALUE, so that otherwise the order of imports would decide.
 */
function comeFirst(module: NestModule): void {
  module.distance = Infinity;
}

function refuseRequestScope(module: NestModule): void {
  const options = module.providers.get(COORDINATION_MODULE_OPTIONS);
  if (!options || options.isDependencyTreeStatic()) return;
  const scoped =
    options.getCtorMetadata()?.filter((dependency) => !dependency.isDependencyTreeStatic()) ?? [];
  const names = scoped.map(({ name }) => String(name)).join(', ');
  throw new InvalidOptionsError(
    `CoordinationModule.forRootAsync: its options depend on a request (${names} is request-scoped), and an application has one coordinator for all requests; make the options from what is there at boot, and put what differs between requests into the lock names, for example '<tenantId>-<share.id>'`,
  );
}
