import { Catch, type ExceptionFilter } from '@nestjs/common';
import type { ApplicationConfig, ModulesContainer } from '@nestjs/core';
import { CoordinationError } from '../../errors.js';
import { methodsOf } from '../../injection/index.js';
import { FILTERS } from './gateway-exception.filter.js';
import { isEventHandler } from './message-boundary.interceptor.js';
import { refusals } from './refusals.js';

/** The keys under which Nest keeps these; @nestjs/microservices and @nestjs/websockets need not be installed to read them. */
const HANDLER_KEYS = ['path', 'microservices:pattern', 'websockets:message_mapping'];

/**
 * A filter that catches nothing. Nest asks the filters of a call in turn whether they catch an error, and stops at the first that does: a
 * filter of the application that catches everything would hide an error from ours. Nest asks this filter before all of them, so that the
 * log has every error that goes out to a client, also from guards, pipes and middleware. Nest asks no filter while all goes well.
 */
class RefusalWitness implements ExceptionFilter {
  catch(): void {}
}

/** @param event the handler, where it is one of events */
function witnessOf(event?: string): RefusalWitness {
  /** No error is an instance of this class, but the question by `instanceof` reports the error. */
  class Told {
    static [Symbol.hasInstance](error: unknown): false {
      if (error instanceof CoordinationError) refusals.tell(error, event);
      return false;
    }
  }
  @Catch(Told)
  class Witness extends RefusalWitness {}
  return new Witness();
}

const witness = witnessOf();

/**
 * Logs errors whatever filters the application has. Call it before the handlers are registered, which is before any hook.
 */
export function addRefusalWitness(config: ApplicationConfig, modules: ModulesContainer): void {
  witnessGlobally(config);
  for (const module of modules.values())
    for (const { metatype } of [...module.controllers.values(), ...module.providers.values()])
      if (typeof metatype === 'function') witnessHandlers(metatype);
}

/** For middleware, and handlers without filters of their own. An application may add global filters after this, and Nest asks the last one first. */
function witnessGlobally(config: ApplicationConfig): void {
  const filtersOf = config.getGlobalFilters.bind(config);
  config.getGlobalFilters = () => [...filtersOf(), witness];
}

/**
 * Nest asks the filters of the method before those of its class, and those before global ones, which take no part in a hybrid
 * application without `inheritAppConfig`. Handlers that other libraries call are known by their filters alone.
 */
function witnessHandlers(type: Function): void {
  const classHasFilters = Reflect.hasMetadata(FILTERS, type);
  for (const { method } of methodsOf(type.prototype)) {
    const hasFilters = classHasFilters || Reflect.hasMetadata(FILTERS, method);
    if (!hasFilters && !HANDLER_KEYS.some((key) => Reflect.hasOwnMetadata(key, method))) continue;
    const filters = (Reflect.getMetadata(FILTERS, method) ?? []) as unknown[];
    if (filters.some((filter) => filter instanceof RefusalWitness)) continue;
    const own = isEventHandler(method) ? witnessOf(`${type.name}.${method.name}`) : witness;
    Reflect.defineMetadata(FILTERS, [...filters, own], method);
  }
}
