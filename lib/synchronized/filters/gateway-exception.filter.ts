import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { CoordinationError } from '../../errors.js';
import { clientBodyOf } from './client-error.js';

/** A client of a WebSocket gateway: socket.io's emits, a plain WebSocket sends text. */
interface WsClient {
  readonly readyState?: unknown;
  readonly send?: (text: string) => void;
  readonly emit?: (event: string, payload: object) => void;
}

/** The keys under which Nest keeps these on a class; @nestjs/websockets need not be installed to read them. */
const IS_GATEWAY = 'websockets:is_gateway';
export const FILTERS = '__exceptionFilters__';

/** Gives a coordination error the shape in which Nest tells clients of gateways about errors. */
@Catch(CoordinationError)
export class GatewayExceptionFilter implements ExceptionFilter<CoordinationError> {
  catch(error: CoordinationError, host: ArgumentsHost): void {
    const client = host.switchToWs().getClient<WsClient>();
    const data = clientBodyOf(error);
    if (typeof client.readyState === 'number') client.send?.(JSON.stringify({ event: 'exception', data }));
    else client.emit?.('exception', data);
  }
}

/**
 * Puts the filter on every gateway of an application, behind the gateway's own: Nest asks no global filter there.
 * Has to be done before the gateways are connected, which is before any hook.
 */
export function addGatewayFilters(modules: ModulesContainer): void {
  for (const module of modules.values()) {
    for (const { metatype } of module.providers.values()) {
      if (typeof metatype !== 'function' || Reflect.getMetadata(IS_GATEWAY, metatype) !== true) continue;
      const filters = (Reflect.getMetadata(FILTERS, metatype) ?? []) as unknown[];
      if (filters.some((filter) => filter instanceof GatewayExceptionFilter)) continue;
      // Nest asks the last one first.
      Reflect.defineMetadata(FILTERS, [new GatewayExceptionFilter(), ...filters], metatype);
    }
  }
}
