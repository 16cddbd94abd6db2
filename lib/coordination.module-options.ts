import type { DynamicModule, FactoryProvider, Provider, Type } from '@nestjs/common';
import { shown } from './common/checks.js';
import { COORDINATION_MODULE_OPTIONS } from './coordination.constants.js';
import type { CoordinationOptions } from './coordination.options.js';
import { InvalidOptionsError } from './errors.js';

interface ModuleExtras {
  /** Names this coordinator where an application has several; injected with `@InjectCoordinator(name)`. */
  readonly name?: string | undefined;
  /** Whether every module sees the coordinator; default true. */
  readonly isGlobal?: boolean | undefined;
}

/**
 * The options of `CoordinationModule.forRoot`: those of the coordinator, its name, and whether every module sees it.
 * @publicApi
 */
export interface CoordinationModuleOptions extends CoordinationOptions, ModuleExtras {}

/**
 * Makes the options, for `useClass` and `useExisting`.
 * @publicApi
 */
export interface CoordinationOptionsFactory {
  /** Called once, at boot. */
  createCoordinationOptions(): CoordinationOptions | Promise<CoordinationOptions>;
}

/**
 * The options of `CoordinationModule.forRootAsync`. Exactly one of `useFactory`, `useClass` and `useExisting` makes the options.
 * @publicApi
 */
export interface CoordinationAsyncOptions extends ModuleExtras {
  /** The modules that provide what `inject` names. */
  readonly imports?: DynamicModule['imports'] | undefined;
  /** The tokens whose values `useFactory` is called with. */
  readonly inject?: FactoryProvider['inject'] | undefined;
  /** Makes the options. Called once, at boot. */
  // oxlint-disable-next-line typescript/no-explicit-any -- as Nest types it: the arguments are what `inject` names
  readonly useFactory?:
    FactoryProvider<CoordinationOptions | Promise<CoordinationOptions>>['useFactory'] | undefined;
  /** A class that the module makes, and asks for the options. */
  readonly useClass?: Type<CoordinationOptionsFactory> | undefined;
  /** The token of a provider that is asked for the options. */
  readonly useExisting?: Type<CoordinationOptionsFactory> | string | symbol | undefined;
}

/** @throws InvalidOptionsError */
export function checkIsObject(options: unknown, where: string): void {
  if (typeof options === 'object' && options !== null) return;
  throw new InvalidOptionsError(`${where}: its options must be an object, got ${shown(options)}`);
}

/** @throws InvalidOptionsError unless the name is undefined or a non-empty string */
export function checkName(name: unknown): void {
  if (name === undefined || (typeof name === 'string' && name !== '')) return;
  throw new InvalidOptionsError(
    `CoordinationModule: name must be a non-empty string, got ${shown(name)}; leave it out for the one that needs no name`,
  );
}

/** The options as the container keeps them: they hold passwords, which inspecting an application must not show. */
export class HiddenOptions {
  readonly #options: CoordinationOptions;

  /** @throws InvalidOptionsError when a factory gave no options; the defaults would hide its mistake */
  constructor(options: CoordinationOptions) {
    if (typeof options !== 'object' || options === null) {
      throw new InvalidOptionsError(
        `CoordinationModule: the options must be an object, got ${options === null ? 'null' : typeof options}; return them from useFactory or createCoordinationOptions`,
      );
    }
    this.#options = options;
  }

  reveal(): CoordinationOptions {
    return this.#options;
  }

  /** A test that overrides the token gives the options as they are. */
  static of(provided: HiddenOptions | CoordinationOptions): HiddenOptions {
    return provided instanceof HiddenOptions ? provided : new HiddenOptions(provided);
  }
}

/** @throws InvalidOptionsError unless exactly one way to make the options is given */
export function asyncOptionsProviders(options: CoordinationAsyncOptions): Provider[] {
  const { useFactory, useClass, useExisting, inject = [] } = options;
  const ways = [useFactory, useClass, useExisting].filter((way) => way !== undefined);
  if (ways.length !== 1) {
    throw new InvalidOptionsError(
      `CoordinationModule.forRootAsync needs exactly one of useFactory, useClass and useExisting, got ${ways.length}`,
    );
  }
  if (useFactory) {
    const hidden = async (...args: Parameters<typeof useFactory>): Promise<HiddenOptions> =>
      new HiddenOptions(await useFactory(...args));
    return [{ provide: COORDINATION_MODULE_OPTIONS, inject, useFactory: hidden }];
  }
  const fromFactory = (token: Type<CoordinationOptionsFactory> | string | symbol): Provider => ({
    provide: COORDINATION_MODULE_OPTIONS,
    inject: [token],
    useFactory: async (factory: Partial<CoordinationOptionsFactory> | undefined) => {
      if (typeof factory?.createCoordinationOptions !== 'function') {
        const way = useClass ? 'useClass' : 'useExisting';
        throw new InvalidOptionsError(
          `CoordinationModule.forRootAsync: ${nameOf(token)}, given as ${way}, has no method createCoordinationOptions(); add one that returns the options`,
        );
      }
      return new HiddenOptions(await factory.createCoordinationOptions());
    },
  });
  if (useClass) return [{ provide: useClass, useClass }, fromFactory(useClass)];
  return useExisting ? [fromFactory(useExisting)] : [];
}

function nameOf(token: Type | string | symbol): string {
  return typeof token === 'function' ? `class ${token.name}` : String(token);
}
