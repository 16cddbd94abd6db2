import type { ModulesContainer } from '@nestjs/core';
import { copyFace } from '../../injection/index.js';
import { isAsyncIterable } from '../definition/index.js';
import { graphqlErrorOf } from './client-error.js';

/** A function that a schema calls: the resolver of a field, or a function that tells the type of a value. It has at most four parameters. */
type Resolver = (this: unknown, a: unknown, b?: unknown, c?: unknown, d?: unknown) => unknown;

interface Field {
  readonly type: Wrapping;
  resolve?: Resolver | null;
  subscribe?: Resolver | null;
}

/** What a field gives: a type, or a list of one, or one that is never null. */
interface Wrapping {
  readonly ofType?: Wrapping;
}

/** The part of a schema's type that is used here; @nestjs/graphql and graphql need not be installed. */
interface Type {
  resolveType?: Resolver | null;
  isTypeOf?: Resolver | null;
  getFields?: () => Readonly<Record<string, Field>>;
}

interface Schema {
  getTypeMap(): Readonly<Record<string, Type>>;
}

/** The token under which the module of the schema has its options. */
const OPTIONS = 'GqlModuleOptions';

const guarded = new WeakSet<Resolver>();

/**
 * Shows GraphQL clients the generic text of a coordination error, wherever it was thrown. GraphQL shows the message of every error.
 * Nest asks no filter for a field, nor for the values of a subscription. It does not even wrap getters, field middlewares and functions
 * that tell the type of a value. Filters of the application run within, and see the error as it is.
 *
 * Call it after the schema was built, which is in a hook.
 */
export function guardGraphqlSchemas(modules: ModulesContainer): void {
  for (const { providers } of modules.values()) {
    const options = providers.get(OPTIONS)?.instance as { readonly fieldResolver?: unknown } | undefined;
    if (!options) continue;
    const { fieldResolver } = options;
    const resolve = typeof fieldResolver === 'function' ? (fieldResolver as Resolver) : propertyOf;
    for (const { instance } of providers.values()) {
      const schema = schemaOf(instance);
      if (schema) guardSchema(schema, resolve);
    }
  }
}

/** The schema of its host. The host is known by its accessors, as a build may rename its class. */
function schemaOf(host: unknown): Schema | undefined {
  if (typeof host !== 'object' || host === null) return undefined;
  const accessors = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(host) ?? {}, 'schema');
  if (!accessors?.get || !accessors.set) return undefined;
  try {
    const schema: Partial<Schema> | undefined = accessors.get.call(host);
    return typeof schema?.getTypeMap === 'function' ? (schema as Schema) : undefined;
  } catch {
    // The getter throws where there is no schema, as in a test that never built one.
    return undefined;
  }
}

/** @param fieldResolver of the fields that have no resolver */
function guardSchema(schema: Schema, fieldResolver: Resolver): void {
  for (const [name, type] of Object.entries(schema.getTypeMap())) {
    // The types of introspection are the same objects in every schema.
    if (name.startsWith('__')) continue;
    if (type.resolveType) type.resolveType = guard(type.resolveType);
    if (type.isTypeOf) type.isTypeOf = guard(type.isTypeOf);
    // Fields of inputs and interfaces are never resolved.
    if (Object.prototype.toString.call(type) === '[object GraphQLObjectType]')
      for (const field of Object.values(type.getFields?.() ?? {})) guardField(field, fieldResolver);
  }
}

function guardField(field: Field, fieldResolver: Resolver): void {
  const depth = listDepthOf(field.type);
  field.resolve = guard(field.resolve ?? fieldResolver, (value) => shown(value, depth));
  if (field.subscribe) field.subscribe = guard(field.subscribe, shownSubscription);
}

/** How many lists lie in one another. */
function listDepthOf(type: Wrapping | undefined): number {
  if (!type) return 0;
  const isList = Object.prototype.toString.call(type) === '[object GraphQLList]';
  return listDepthOf(type.ofType) + (isList ? 1 : 0);
}

/** Resolves a field as GraphQL itself does. */
function propertyOf(source: unknown, args: unknown, context: unknown, info: unknown): unknown {
  if ((typeof source !== 'object' || source === null) && typeof source !== 'function') return undefined;
  const { fieldName } = info as { readonly fieldName: string };
  const value = (source as Record<string, unknown>)[fieldName];
  if (typeof value !== 'function') return value;
  return (source as Record<string, Resolver>)[fieldName]?.(args, context, info);
}

/** @param show turns the result of the resolver into the one that GraphQL may see */
function guard(resolver: Resolver, show: (value: unknown) => unknown = (value) => shown(value, 0)): Resolver {
  if (guarded.has(resolver)) return resolver;
  const wrapper: Resolver = function (a, b, c, d) {
    try {
      return show(resolver.call(this, a, b, c, d));
    } catch (error) {
      return fail(error);
    }
  };
  copyFace(resolver, wrapper);
  guarded.add(wrapper);
  return wrapper;
}

/**
 * Every field pays for this: most values are neither errors nor promises nor lists.
 * @param depth how many lists lie in one another
 */
function shown(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value;
  // GraphQL takes an error that is returned, as DataLoader does for one of many, for one that is thrown.
  if (value instanceof Error) return graphqlErrorOf(value);
  if (isThenable(value)) return value.then((settled) => shown(settled, depth), fail);
  return depth > 0 && isIterable(value) ? shownList(value, depth - 1) : value;
}

/** GraphQL takes any iterable for a list, and awaits its items by itself. An array is copied only when one of them is a promise. */
function shownList(values: Iterable<unknown>, depth: number): unknown[] {
  const list = Array.isArray(values) ? values : [...values];
  let copy: unknown[] | undefined;
  for (let index = 0; index < list.length; index += 1) {
    const item = shown(list[index], depth);
    if (item !== list[index]) (copy ??= [...list])[index] = item;
  }
  return copy ?? list;
}

function shownSubscription(value: unknown): unknown {
  if (isAsyncIterable(value)) return shownValues(value);
  return typeof value === 'object' && value !== null && isThenable(value)
    ? value.then(shownSubscription, fail)
    : value;
}

function shownValues(values: AsyncIterable<unknown>): AsyncIterableIterator<unknown> {
  const iterator = values[Symbol.asyncIterator]();
  return {
    next: async (...sent) => shownStep(async () => iterator.next(...sent)),
    return: async (value) => shownStep(async () => (await iterator.return?.(value)) ?? { done: true, value }),
    throw: async (error) =>
      shownStep(async () => {
        if (!iterator.throw) throw error;
        return iterator.throw(error);
      }),
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

async function shownStep<T>(step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    return fail(error);
  }
}

function isIterable(value: object): value is Iterable<unknown> {
  return Symbol.iterator in value && typeof value[Symbol.iterator] === 'function';
}

function isThenable(value: object): value is PromiseLike<unknown> {
  return 'then' in value && typeof value.then === 'function';
}

function fail(error: unknown): never {
  throw graphqlErrorOf(error);
}
