import { type DynamicModule, Module } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { CoordinationModule } from '../coordination.module.js';
import { checkIsObject } from '../coordination.module-options.js';
import { CoordinationTestKit } from './coordination-test-kit.js';
import type { CoordinationTestingOptions } from './test-options.js';

/**
 * The options of `CoordinationTestingModule.forRoot`.
 * @publicApi
 */
export interface CoordinationTestingModuleOptions extends CoordinationTestingOptions {
  /** Names the coordinator, as in `CoordinationModule.forRoot`. */
  readonly name?: string | undefined;
  /** Whether every module sees the coordinator and the kit; default true. */
  readonly isGlobal?: boolean | undefined;
}

@Module({})
class TestKitModule {}

/**
 * Stands in for `CoordinationModule` in a test: decorators and `CoordinatorService` work as they do in the application, on a memory that
 * each testing module has for itself, and `CoordinationTestKit` is there to be injected.
 *
 * @example
 * const module = await Test.createTestingModule({ imports: [CoordinationTestingModule.forRoot()], providers: [Shares] }).compile();
 * await module.init();
 * const kit = module.get(CoordinationTestKit);
 *
 * @publicApi
 */
@Module({})
export class CoordinationTestingModule {
  /**
   * The module, in place of `CoordinationModule`.
   *
   * @param options those of the coordinator, and `clock: 'driven'` for a clock that the test moves
   * @throws InvalidOptionsError at boot, listing everything that is wrong
   * @example
   * CoordinationTestingModule.forRoot({ clock: 'driven', ttl: '10s' });
   */
  static forRoot(options: CoordinationTestingModuleOptions = {}): DynamicModule {
    checkIsObject(options, 'CoordinationTestingModule.forRoot');
    const { name, isGlobal = true, ...settings } = options;
    const kit: DynamicModule = {
      module: TestKitModule,
      global: isGlobal,
      providers: [
        {
          provide: CoordinationTestKit,
          inject: [ModulesContainer],
          useFactory: (modules: ModulesContainer) => new CoordinationTestKit(settings, modules),
        },
      ],
      exports: [CoordinationTestKit],
    };
    const coordination = CoordinationModule.forRootAsync({
      name,
      isGlobal,
      imports: [kit],
      inject: [CoordinationTestKit],
      useFactory: ({ options: those }: CoordinationTestKit) => those,
    });
    return {
      module: CoordinationTestingModule,
      imports: [kit, coordination],
      exports: [TestKitModule, CoordinationModule],
    };
  }
}
