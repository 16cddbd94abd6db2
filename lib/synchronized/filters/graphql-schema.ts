import type { ModulesContainer } from '@nestjs/core';
import { copyFace } from '../../injection/index.js';
import { graphqlErrorOf } from './client-error.js';

/** What a schema calls: the resolver of a field, or what tells the type of a value. Each has four parameters, or fewer. */
type Resolver = (this: unknown, a: unknown, b?: unknown, c?: unknown, d?: unknown) => unknown;

interface Field {
  resolve?: Resolver | null;
  subscribe?: Resolver | null;
}

/** A type of a schema, as far as it is looked at; @nestjs/graphql and graphql need not be installed. */
interface Type {
  resolveType?: Resolver | null;
  isTypeOf?: Resolver | null;
  getFields?: () => Readonly<Record<string, Field>>;
}

interface Schema {
  getTypeMap(): Readonly<Record<string, Type>>;
}

/** The class in which @nestjs/graphql keeps the schema that it has built. */
const SCHEMA_HOST = 'GraphQLSchemaHost';
/** The token under which the module of the schema has its options. */
const OPTIONS = 'GqlModuleOptions';

const guarded = new WeakSet<Resolver>();

/**
 * Shows GraphQL clients the generic text of a coordination error, wherever it was thrown: besides resolvers a schema calls
 * getters, field middlewares, and what tells the type of a value, and Nest stands around none of these.
 *
 * Has to be done after the schema was built, which is in a hook.
 */
export function guardGraphqlSchemas(modules: ModulesContainer): void {
  for (const { providers } of modules.values()) {
    for (const { metatype, instance } of providers.values()) {
      if (typeof metatype !== 'function' || metatype.name !== SCHEMA_HOST) continue;
      const schema = schemaOf(instance);
      if (!schema) continue;
      const options = providers.get(OPTIONS)?.instance as { readonly fieldResolver?: unknown } | undefined;
      const { fieldResolver } = options ?? {};
      guardSchema(schema, typeof fieldResolver === 'function' ? (fieldResolver as Resolver) : propertyOf);
    }
  }
}

/** The getter throws where there is no schema, as in a test that never built one. */
function schemaOf(host: unknown): Schema | undefined {
  try {
    const { schema } = host as { readonly schema?: Partial<Schema> };
    return typeof schema?.getTypeMap === 'function' ? (schema as Schema) : undefined;
  } catch {
    return undefined;
  }
}

/** @param fieldResolver of the fields that have no resolver */
function guardSchema(schema: Schema, fieldResolver: Resolver): void {
  for (const [name, type] of Object.entries(schema.getTypeMap())) {
    // Those of introspection are the same objects in every schema.
    if (name.startsWith('__')) continue;
    if (type.resolveType) type.resolveType = guard(type.resolveType);
    if (type.isTypeOf) type.isTypeOf = guard(type.isTypeOf);
    // Fields of inputs and interfaces are never resolved.
    if (Object.prototype.toString.call(type) === '[object GraphQLObjectType]')
      for (const field of Object.values(type.getFields?.() ?? {})) guardField(field, fieldResolver);
  }
}

function guardField(field: Field, fieldResolver: Resolver): void {
  field.resolve = guard(field.resolve ?? fieldResolver);
  if (field.subscribe) field.subscribe = guard(field.subscribe);
}

/** As GraphQL itself resolves a field. */
function propertyOf(source: unknown, args: unknown, context: unknown, info: unknown): unknown {
  if ((typeof source !== 'object' || source === null) && typeof source !== 'function') return undefined;
  const { fieldName } = info as { readonly fieldName: string };
  const value = (source as Record<string, unknown>)[fieldName];
  if (typeof value !== 'function') return value;
  return (source as Record<string, Resolver>)[fieldName]?.(args, context, info);
}

function guard(resolver: Resolver): Resolver {
  if (guarded.has(resolver)) return resolver;
  const wrapper: Resolver = function (a, b, c, d) {
    try {
      return shown(resolver.call(this, a, b, c, d));
    } catch (error) {
      return fail(error);
    }
  };
  copyFace(resolver, wrapper);
  guarded.add(wrapper);
  return wrapper;
}

/** Every field pays for this: most values are neither to be awaited nor lists. */
function shown(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return shownList(value);
  return isThenable(value) ? value.then(shown, fail) : value;
}

/** GraphQL awaits the items of a list by itself. The list is copied only where one of them is to be awaited. */
function shownList(list: unknown[]): unknown[] {
  let copy: unknown[] | undefined;
  for (let index = 0; index < list.length; index += 1) {
    const item = shown(list[index]);
    if (item !== list[index]) (copy ??= [...list])[index] = item;
  }
  return copy ?? list;
}

function isThenable(value: object): value is PromiseLike<unknown> {
  return 'then' in value && typeof value.then === 'function';
}

function fail(error: unknown): never {
  throw graphqlErrorOf(error);
}
