import type { OnApplicationShutdown, OnModuleDestroy } from '@nestjs/common';
import type { CoordinationOptions } from '../coordination.options.js';
import { type CoordinatorRuntime, RUNTIME } from '../coordinator.service.js';
import type { DriverFactory } from '../drivers/driver.js';
import type { TestBackend } from './test-backend.js';
import { TestDriver } from './test-driver.js';

/** The options of the coordinators of an application under test. Nest provides them, and so calls their hooks. */
export class KitOptions implements OnModuleDestroy, OnApplicationShutdown {
  readonly driver: DriverFactory;
  readonly [RUNTIME]: CoordinatorRuntime;
  readonly #kit: OnModuleDestroy & OnApplicationShutdown;

  constructor(
    settings: CoordinationOptions,
    backend: TestBackend,
    kit: OnModuleDestroy & OnApplicationShutdown,
    onMade: CoordinatorRuntime['onMade'],
  ) {
    Object.assign(this, settings);
    this.driver = (context) => TestDriver.open(backend, context);
    this[RUNTIME] = { clock: backend.clock, onMade };
    this.#kit = kit;
  }

  onModuleDestroy(): unknown {
    return this.#kit.onModuleDestroy();
  }

  onApplicationShutdown(): unknown {
    return this.#kit.onApplicationShutdown();
  }
}
