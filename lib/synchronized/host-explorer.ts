import type { ModulesContainer } from '@nestjs/core';
import type { LockProvider } from '../lock/lock-provider.js';
import { bindHost, wantsCoordinator } from './host-binding.js';

/** Gives the coordinator to every object of the application that has synchronized methods and was not injected with it. */
export function bindAllHosts(
  modules: ModulesContainer,
  name: string | undefined,
  provider: LockProvider,
): void {
  for (const module of modules.values()) {
    for (const wrapper of [
      ...module.providers.values(),
      ...module.controllers.values(),
      ...module.injectables.values(),
    ]) {
      const host: unknown = wrapper.isDependencyTreeStatic() ? wrapper.instance : undefined;
      if (typeof host === 'object' && host !== null && wantsCoordinator(host, name))
        bindHost(host, name, provider);
    }
  }
}
