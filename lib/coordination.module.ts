import {
  type BeforeApplicationShutdown,
  type DynamicModule,
  Inject,
  Logger,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleInit,
  type Provider,
} from '@nestjs/common';
import { ApplicationConfig, HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import type { CoordinationAsyncOptions, CoordinationModuleOptions } from './coordination.module-options.js';
import {
  asyncOptionsProviders,
  checkIsObject,
  checkName,
  HiddenOptions,
} from './coordination.module-options.js';
import {
  COORDINATION_MODULE_NAME,
  COORDINATION_MODULE_OPTIONS,
  OWN_COORDINATOR,
} from './coordination.constants.js';
import type { CoordinationOptions } from './coordination.options.js';
import { warnOfCopies } from './common/copies.js';
import { logSafely } from './common/log-safely.js';
import { warnOfUnread } from './coordination.environment.js';
import { CoordinationContext } from './coordination.context.js';
import { getCoordinatorToken } from './coordination.tokens.js';
import { type CoordinatorRuntime, CoordinatorService, RUNTIME } from './coordinator.service.js';
import { InvalidOptionsError } from './errors.js';
import { ModuleBoot } from './coordination.boot.js';
import { exploreJobs, JobRunner } from './run-once/index.js';
import { checkElectionHosts, standForElections } from './elections/decorators/index.js';
import {
  bindAllHosts,
  checkClassNames,
  checkConstantNames,
  knowWrappedMethods,
} from './synchronized/index.js';
import {
  addGatewayFilters,
  addMessageBoundaries,
  addRefusalWitness,
  CoordinationExceptionFilter,
  guardGraphqlSchemas,
  refusals,
} from './synchronized/filters/index.js';
import { SynchronizedInterceptor } from './synchronized/scope/index.js';

/** The names of the coordinators of each application. */
const namesInUse = new WeakMap<ApplicationConfig, Set<string | undefined>>();

/**
 * Provides a `CoordinatorService` and makes `@Synchronized` work, in the whole application unless `isGlobal` is false.
 *
 * @example
 * \@Module({ imports: [CoordinationModule.forRoot({ backendUrl: 'redis://10.0.0.1:6379' })] })
 * export class AppModule {}
 *
 * @publicApi
 */
@Module({ providers: [COORDINATION_MODULE_NAME, OWN_COORDINATOR].map(refuseBareImport) })
export class CoordinationModule
  implements OnModuleInit, OnApplicationBootstrap, BeforeApplicationShutdown, OnApplicationShutdown
{
  /** Whether this is the first coordinator of the application, which does the work that is done once for all. */
  readonly #isFirst: boolean;
  #jobs?: JobRunner;

  /** @throws InvalidOptionsError when the application has a second coordinator of this name */
  constructor(
    @Inject(COORDINATION_MODULE_NAME) private readonly name: { readonly value?: string },
    @Inject(OWN_COORDINATOR) private readonly coordinator: CoordinatorService,
    @Inject(ApplicationConfig) config: ApplicationConfig,
    @Inject(HttpAdapterHost) adapterHost: HttpAdapterHost,
    @Inject(ModulesContainer) private readonly modules: ModulesContainer,
  ) {
    const names = namesInUse.get(config) ?? new Set();
    if (names.has(name.value)) {
      const which = name.value === undefined ? 'without a name' : `named "${name.value}"`;
      throw new InvalidOptionsError(
        `CoordinationModule: the application has a second coordinator ${which}; import the module once, or give the second one a name of its own: forRoot({ name: 'reports', … })`,
      );
    }
    this.#isFirst = names.size === 0;
    if (this.#isFirst) {
      config.addGlobalFilter(new CoordinationExceptionFilter(adapterHost));
      addGatewayFilters(modules);
      addMessageBoundaries(modules);
      addRefusalWitness(config, modules);
      knowWrappedMethods(modules);
    }
    namesInUse.set(config, names.add(name.value));
    // Not APP_INTERCEPTOR: interceptors of the application would wrap it, and so commit after the lock is released.
    config.addGlobalInterceptor(new SynchronizedInterceptor(name.value, coordinator, adapterHost));
  }

  /**
   * The module with options that are known when the program is written.
   *
   * @throws InvalidOptionsError at boot, listing everything that is wrong
   * @example
   * CoordinationModule.forRoot({ backendUrl: 'redis://10.0.0.1:6379', prefix: 'shares:' });
   */
  static forRoot(options: CoordinationModuleOptions = {}): DynamicModule {
    checkIsObject(options, 'CoordinationModule.forRoot');
    const { name, isGlobal, ...coordination } = options;
    const hidden = new HiddenOptions(coordination);
    const useFactory = (): HiddenOptions => {
      // At boot, when ConfigModule has read its files.
      warnOfUnread(process.env, coordination, (message) =>
        logSafely(() => new Logger('CoordinationModule').warn(message)),
      );
      return hidden;
    };
    return dynamicModule(name, isGlobal, [{ provide: COORDINATION_MODULE_OPTIONS, useFactory }]);
  }

  /**
   * The module with options that are made at boot, from the environment or by other providers.
   *
   * @throws InvalidOptionsError at boot, listing everything that is wrong
   * @example
   * CoordinationModule.forRootAsync(coordinationConfig.asProvider());
   * @example
   * CoordinationModule.forRootAsync({ inject: [ConfigService], useFactory: (config) => ({ prefix: config.get('APP') }) });
   */
  static forRootAsync(options: CoordinationAsyncOptions): DynamicModule {
    checkIsObject(options, 'CoordinationModule.forRootAsync');
    const { name, isGlobal, imports } = options;
    return dynamicModule(name, isGlobal, asyncOptionsProviders(options), imports);
  }

  /**
   * Binds objects that were made by factories, or given as values, to their coordinator, and checks what the decorators ask for.
   * @throws InvalidOptionsError or LockNameError, naming class and method
   */
  onModuleInit(): void {
    bindAllHosts(this.modules, this.name.value, this.coordinator);
    const jobs = exploreJobs(this.modules, this.name.value, this.coordinator);
    this.#jobs = new JobRunner(this.coordinator, jobs);
    // One coordinator looks at all classes of the application.
    if (!this.#isFirst) return;
    knowWrappedMethods(this.modules);
    checkClassNames(this.modules);
    checkConstantNames(this.modules);
    checkElectionHosts(this.modules);
  }

  /** Runs when every module has been initialised: a leader may use any of them, and a GraphQL schema is built by then. */
  onApplicationBootstrap(): void {
    if (this.#isFirst) guardGraphqlSchemas(this.modules);
    standForElections(this.modules, this.name.value, this.coordinator);
    this.#jobs?.start();
  }

  /** Begins no tick of a job from here on. */
  beforeApplicationShutdown(): void {
    this.#jobs?.stop();
  }

  /** Logs the calls that were refused since the last such line. */
  onApplicationShutdown(): void {
    refusals.flush();
  }
}

/** A dynamic module's own providers replace these. */
function refuseBareImport(token: symbol): Provider {
  const useFactory = (): never => {
    throw new InvalidOptionsError(
      'CoordinationModule: it is imported as a bare class; import CoordinationModule.forRoot({ … }) or CoordinationModule.forRootAsync({ … }) instead',
    );
  };
  return { provide: token, useFactory };
}

function dynamicModule(
  name: string | undefined,
  isGlobal: boolean | undefined,
  optionsProviders: Provider[],
  imports: DynamicModule['imports'] = [],
): DynamicModule {
  checkName(name);
  warnOfCopies();
  const token = getCoordinatorToken(name);
  return {
    module: CoordinationModule,
    global: isGlobal ?? true,
    imports,
    providers: [
      ModuleBoot,
      ...optionsProviders,
      { provide: COORDINATION_MODULE_NAME, useValue: { value: name } },
      {
        provide: token,
        inject: [COORDINATION_MODULE_OPTIONS],
        useFactory: (options: HiddenOptions | CoordinationOptions) => {
          const given: CoordinationOptions & { readonly [RUNTIME]?: CoordinatorRuntime } =
            HiddenOptions.of(options).reveal();
          return new CoordinatorService(given, name, given[RUNTIME] ?? {});
        },
      },
      { provide: OWN_COORDINATOR, useExisting: token },
      CoordinationContext,
    ],
    exports: [token, CoordinationContext],
  };
}
