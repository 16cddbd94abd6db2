import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { catchError, type Observable } from 'rxjs';
import { CoordinationError } from '../../errors.js';
import { rpcErrorOf } from './client-error.js';
import { grpcStreamCallOf } from './grpc-stream-call.js';
import { methodsOf } from '../../injection/index.js';
import { refusals } from './refusals.js';

/** The keys under which Nest keeps these; @nestjs/microservices need not be installed to read them. */
const HANDLER_TYPE = 'microservices:handler_type';
const INTERCEPTORS = '__interceptors__';

/** Nest's number for a handler of events, whose result no client gets. */
const EVENT = 2;

/** Calls in which the interceptor and the filter of the application take part. */
const underAppConfig = new WeakSet<ExecutionContext>();

/** Says that the application's own interceptor takes part in this call of a message handler. */
export function markUnderAppConfig(context: ExecutionContext): void {
  underAppConfig.add(context);
}

export function isEventHandler(handler: object): boolean {
  return Reflect.getMetadata(HANDLER_TYPE, handler) === EVENT;
}

/** The handler's name when the call is an event, to which no client gets an answer. */
export function eventOf(context: ExecutionContext): string | undefined {
  if (context.getType() !== 'rpc') return undefined;
  const handler = context.getHandler();
  if (!isEventHandler(handler)) return undefined;
  return `${context.getClass().name}.${handler.name}`;
}

/**
 * Stands in for the interceptor and the filter of the application where they take no part: in the microservice of a hybrid
 * application that was connected without `inheritAppConfig`.
 */
export class MessageBoundary implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (context.getType() !== 'rpc' || underAppConfig.has(context)) return next.handle();
    const streamCall = grpcStreamCallOf(context);
    return next.handle().pipe(
      catchError(async (error: unknown) => {
        if (!(error instanceof CoordinationError)) throw error;
        const event = eventOf(context);
        refusals.tell(error, event);
        if (streamCall) return streamCall.fail(rpcErrorOf(error, context));
        // Nest logs a line of its own for an event that an RpcException has ended.
        throw event === undefined ? await rpcException(error, context) : error;
      }),
    );
  }
}

/** Nest tells the client the details of an RpcException alone. */
async function rpcException(error: CoordinationError, context: ExecutionContext): Promise<Error> {
  // A bundler must not look for the package: applications without messages do not install it. An application that is bundled with
  // all of its packages cannot load it here, and its clients read "Internal server error".
  const { RpcException } = await importMicroservices('@nestjs/microservices').catch(() => ({
    RpcException: undefined,
  }));
  return RpcException ? Object.assign(new RpcException(rpcErrorOf(error, context)), { cause: error }) : error;
}

/** The name is a parameter: a bundler sees through a constant. */
function importMicroservices(name: string): Promise<typeof import('@nestjs/microservices')> {
  return import(name) as ReturnType<typeof importMicroservices>;
}

/** Puts the boundary on every controller that handles messages. Call it before microservices listen. */
export function addMessageBoundaries(modules: ModulesContainer): void {
  for (const module of modules.values()) {
    for (const { metatype } of module.controllers.values()) {
      if (typeof metatype !== 'function' || !handlesMessages(metatype)) continue;
      const interceptors = (Reflect.getMetadata(INTERCEPTORS, metatype) ?? []) as unknown[];
      if (interceptors.some((interceptor) => interceptor instanceof MessageBoundary)) continue;
      Reflect.defineMetadata(INTERCEPTORS, [new MessageBoundary(), ...interceptors], metatype);
    }
  }
}

function handlesMessages({ prototype }: { readonly prototype?: unknown }): boolean {
  return methodsOf(prototype).some(({ method }) => Reflect.hasMetadata(HANDLER_TYPE, method));
}
