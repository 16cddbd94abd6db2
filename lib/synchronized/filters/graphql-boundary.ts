import type { ExternalContextCreator, ModulesContainer } from '@nestjs/core';
import { graphqlErrorOf } from './client-error.js';
import { copyFace, methodsOf } from '../../injection/index.js';
import { isAsyncIterable } from '../definition/index.js';

type Call = (this: unknown, ...args: unknown[]) => unknown;

/** The keys under which @nestjs/graphql notes what a method resolves; it need not be installed to read them. */
const FIELD_KEYS = ['graphql:resolve_property', 'graphql:resolve_reference'];
const TYPE_KEY = 'graphql:resolver_type';

/** What a guarded call is for. */
type Kind = 'subscription' | 'other';

/** Fields as they are called without Nest around them, by the method of the application. */
const bareFields = new WeakMap<object, Call>();
const guarded = new WeakSet<ExternalContextCreator>();

/**
 * Shows GraphQL clients the generic text of a coordination error. GraphQL shows the message of whatever a resolver throws, and Nest
 * asks no filter for a field, nor for the values of a subscription. So errors are looked at where Nest hands resolvers to GraphQL.
 * That is `ExternalContextCreator`, or for a field without enhancers and parameters the method itself.
 *
 * Has to be done before the schema is built, which is in a hook.
 */
export function addGraphqlBoundaries(creator: ExternalContextCreator, modules: ModulesContainer): void {
  guardCreated(creator);
  for (const module of modules.values())
    for (const { metatype } of module.providers.values())
      if (typeof metatype === 'function') guardFields(metatype.prototype);
}

function guardCreated(creator: ExternalContextCreator): void {
  if (guarded.has(creator)) return;
  guarded.add(creator);
  const create = creator.create.bind(creator) as (...args: unknown[]) => Call;
  creator.create = (...args: unknown[]) => {
    const [instance, callback, ...rest] = args;
    const isGraphql = rest[6] === 'graphql';
    // Filters of the application may run in there, and have to see the error as it is.
    const bare = (isGraphql && typeof callback === 'function' && bareFields.get(callback)) || callback;
    const call = create(instance, bare, ...rest);
    return (isGraphql ? guard(call, kindOf(instance, callback)) : call) as ReturnType<
      ExternalContextCreator['create']
    >;
  };
}

/** By the method, or by its class as @nestjs/graphql does. */
function kindOf(instance: unknown, callback: unknown): Kind {
  const type = typeOf(callback) ?? typeOf((Object(instance) as object).constructor);
  return type === 'Subscription' ? 'subscription' : 'other';
}

function typeOf(target: unknown): unknown {
  return typeof target === 'function' ? Reflect.getMetadata(TYPE_KEY, target) : undefined;
}

function guardFields(prototype: unknown): void {
  for (const { owner, name, method } of methodsOf(prototype)) {
    if (bareFields.has(method) || !FIELD_KEYS.some((key) => Reflect.hasOwnMetadata(key, method))) continue;
    const field = guard(method, 'other');
    copyFace(method, field);
    bareFields.set(field, method);
    Object.defineProperty(owner, name, { ...Object.getOwnPropertyDescriptor(owner, name), value: field });
  }
}

function guard(call: Call, kind: Kind): Call {
  return function (...args) {
    try {
      return guardedResult(call.apply(this, args), kind);
    } catch (error) {
      throw graphqlErrorOf(error);
    }
  };
}

function guardedResult(result: unknown, kind: Kind): unknown {
  if (!(result instanceof Promise)) return result;
  return result.then(
    // Elsewhere an async iterable may be an object with fields, as a page of an SDK is.
    (value: unknown) => (kind === 'subscription' && isAsyncIterable(value) ? guardedValues(value) : value),
    (error: unknown) => {
      throw graphqlErrorOf(error);
    },
  );
}

/** The values of a subscription. */
function guardedValues(values: AsyncIterable<unknown>): AsyncIterableIterator<unknown> {
  const iterator = values[Symbol.asyncIterator]();
  const shown = async <T>(step: Promise<T> | undefined, otherwise: T): Promise<T> => {
    try {
      return step === undefined ? otherwise : await step;
    } catch (error) {
      throw graphqlErrorOf(error);
    }
  };
  return {
    next: async (...sent) => shown(iterator.next(...sent), { done: true, value: undefined }),
    return: async (value) => shown(iterator.return?.(value), { done: true, value }),
    throw: async (error) => {
      if (!iterator.throw) throw error;
      return shown(iterator.throw(error), { done: true, value: undefined });
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
