import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import {
  Field,
  GraphQLModule,
  Int,
  Mutation,
  ObjectType,
  Query,
  ResolveField,
  Resolver,
} from '@nestjs/graphql';
import { describe, expect, it } from 'vitest';
import { startApp } from './fixtures/test-app.js';

/** A page as SDKs give it: it has fields, and goes on to the next pages by `for await`. */
@ObjectType()
class Page {
  @Field(() => Int)
  readonly total = 2;

  @Field(() => [String])
  readonly items = ['a', 'b'];

  async *[Symbol.asyncIterator](): AsyncGenerator<string> {
    yield* this.items;
  }
}

@ObjectType()
class Shop {
  @Field(() => Page)
  page?: Page;

  @Field(() => Page)
  pageAtOnce?: Page;
}

@Resolver(() => Shop)
class ShopResolver {
  @Query(() => Page)
  async page(): Promise<Page> {
    return new Page();
  }

  @Mutation(() => Page)
  async turn(): Promise<Page> {
    return new Page();
  }

  @Query(() => Shop)
  shop(): Shop {
    return {};
  }

  @ResolveField(() => Page, { name: 'page' })
  async pageOfShop(): Promise<Page> {
    return new Page();
  }

  @ResolveField(() => Page)
  pageAtOnce(): Page {
    return new Page();
  }
}

const FIELDS = '{ total items }';

describe('a page of values that GraphQL reads by its fields', () => {
  it.each([
    ['a query', `{ page ${FIELDS} }`, { page: { total: 2, items: ['a', 'b'] } }],
    ['a mutation', `mutation { turn ${FIELDS} }`, { turn: { total: 2, items: ['a', 'b'] } }],
    [
      'fields',
      `{ shop { page ${FIELDS} pageAtOnce ${FIELDS} } }`,
      { shop: { page: { total: 2, items: ['a', 'b'] }, pageAtOnce: { total: 2, items: ['a', 'b'] } } },
    ],
  ])('keeps them, though it can be iterated over: %s', async (_what, query, data) => {
    const { url } = await startApp({
      imports: [GraphQLModule.forRoot<ApolloDriverConfig>({ driver: ApolloDriver, autoSchemaFile: true })],
      providers: [ShopResolver],
    });
    const reply = await fetch(`${url}/graphql`, {
      method: 'POST',
      body: JSON.stringify({ query }),
      headers: { 'content-type': 'application/json' },
    });
    expect(await reply.json()).toEqual({ data });
  });
});
