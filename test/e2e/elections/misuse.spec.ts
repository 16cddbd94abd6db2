import { randomUUID } from 'node:crypto';
import { Inject, Injectable, Scope } from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import {
  CoordinationModule,
  CoordinatorService,
  InvalidOptionsError,
  LeaderOnly,
  LockCreationFailedError,
  OnDemoted,
  OnElected,
} from 'nestjs-coordination';
import { type Observable, of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { boot, bootError } from '../../support/boot.js';
import { eventually } from '../../support/eventually.js';

type Untyped = (
  name: unknown,
  options?: unknown,
) => (target: object, key: string | symbol, descriptor?: PropertyDescriptor) => void;

const [leaderOnly, onElected, onDemoted] = [LeaderOnly, OnElected, OnDemoted] as unknown as Untyped[];
const memory = () => CoordinationModule.forRoot({ backendUrl: `memory:${randomUUID()}` });

class Quotas {
  static async forAll(): Promise<void> {}
  async balance(): Promise<void> {}
  async *stream(): AsyncGenerator<number> {
    yield 1;
  }
}

function put(decorate: Untyped | undefined, key: keyof Quotas, name: unknown = 'quota', options?: unknown) {
  return () =>
    decorate!(name, options)(Quotas.prototype, key, Object.getOwnPropertyDescriptor(Quotas.prototype, key));
}

describe('a decorator of elections is refused when the class is loaded', () => {
  it.each<[string, () => void, RegExp]>([
    [
      'on a static method',
      () => leaderOnly!('quota')(Quotas, 'forAll', Object.getOwnPropertyDescriptor(Quotas, 'forAll')),
      /^@LeaderOnly on Quotas\.forAll: it is static/,
    ],
    [
      'on an arrow-function property',
      () => onElected!('quota')(Quotas.prototype, 'arrow'),
      /^@OnElected on Quotas\.arrow: it is no method/,
    ],
    [
      'without the name of an election',
      put(onDemoted, 'balance', ''),
      /^@OnDemoted on Quotas\.balance: the name of an election must be a non-empty string, got ''$/,
    ],
    [
      'with an unknown option',
      put(leaderOnly, 'balance', 'quota', { ttl: 5 }),
      /^@LeaderOnly on Quotas\.balance: unknown options: ttl; known is coordinator$/,
    ],
    [
      'with options that are none',
      put(leaderOnly, 'balance', 'quota', 'reports'),
      /^@LeaderOnly on Quotas\.balance: its options must be an object, got 'reports'$/,
    ],
    [
      'with a coordinator that is no name',
      put(onElected, 'balance', 'quota', { coordinator: 7 }),
      /^@OnElected on Quotas\.balance: coordinator must be the name of a coordinator, got 7$/,
    ],
    [
      'on a generator, which runs later',
      put(leaderOnly, 'stream'),
      /^@LeaderOnly on Quotas\.stream: it returns what is read later/,
    ],
  ])('%s', (_how, decorate, message) => {
    expect(decorate).toThrow(InvalidOptionsError);
    expect(decorate).toThrow(message);
  });

  it('twice on one method', () => {
    expect(() => {
      class Twice {
        @LeaderOnly('a')
        @LeaderOnly('b')
        async balance(): Promise<void> {}
      }
      return Twice;
    }).toThrow(/^@LeaderOnly on Twice\.balance: it is there already/);
  });
});

describe('a boot is refused in one line', () => {
  it('with a class that is made for each request', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class PerRequest {
      @LeaderOnly('quota')
      async balance(): Promise<void> {}
    }
    const { message } = await bootError([memory()], [PerRequest]);
    expect(message).toMatch(
      /^PerRequest\.balance: @LeaderOnly\("quota"\) is in a class that is request-scoped, [^\n]*move the method to a provider of the default scope$/,
    );
  });

  it('with one that depends on the request', async () => {
    @Injectable()
    class Dependent {
      constructor(@Inject(REQUEST) readonly request: unknown) {}

      @OnElected('quota')
      elected(): void {}
    }
    const { message } = await bootError([memory()], [Dependent]);
    expect(message).toMatch(
      /^Dependent\.elected: @OnElected\("quota"\) is in a class that is request-scoped/,
    );
  });

  it('with a transient one', async () => {
    @Injectable({ scope: Scope.TRANSIENT })
    class Transient {
      @OnDemoted('quota')
      demoted(): void {}
    }
    const { message } = await bootError([memory()], [Transient]);
    expect(message).toMatch(/^Transient\.demoted: @OnDemoted\("quota"\) is in a class that is transient/);
  });

  it('without CoordinationModule, with the decorator that wants it', async () => {
    @Injectable()
    class Lonely {
      @LeaderOnly('quota')
      async balance(): Promise<void> {}
    }
    const { message } = await bootError([], [Lonely]);
    expect(message).toContain('of @LeaderOnly: import CoordinationModule.forRoot() to provide it');
  });
});

it('a @LeaderOnly method that turns out to return an Observable rejects', async () => {
  @Injectable()
  class Late {
    @LeaderOnly('quota')
    async balance(): Promise<Observable<number>> {
      return of(1);
    }
  }
  const app = await boot([memory()], [Late]);
  try {
    await eventually(() => app.get(CoordinatorService).getElection('quota').isLeader);
    await expect(app.get(Late).balance()).rejects.toThrow(/^Late\.balance: it returns what is read later/);
  } finally {
    await app.close();
  }
});

describe('an election', () => {
  it('can be had before the start, and says what is missing when it is used', async () => {
    const coordinator = new CoordinatorService({ backendUrl: `memory:${randomUUID()}` });
    const election = coordinator.getElection('quota');
    expect([election.name, election.isLeader, await election.resign()]).toEqual(['quota', false, false]);
    await expect(election.campaign()).rejects.toThrow(LockCreationFailedError);
    await expect(election.requestResign()).rejects.toThrow(
      /^Election "quota": the coordinator .* is not started/,
    );
    expect(() => election.watch()).toThrow(LockCreationFailedError);
    await coordinator.start();
    await election.campaign();
    expect(JSON.stringify(election)).toBe('{"name":"quota","isLeader":true}');
    await coordinator.stop();
  });

  it('refuses a wrong name and wrong options', async () => {
    const coordinator = new CoordinatorService({ backendUrl: `memory:${randomUUID()}` });
    expect(() => coordinator.getElection('')).toThrow(/^getElection: the name of an election must be/);
    await coordinator.start();
    const election = coordinator.getElection('quota');
    for (const [options, message] of [
      [7, /must be an object, got 7/],
      [{ ttl: 5 }, /unknown options of campaign: ttl; known is signal/],
      [{ signal: {} }, /signal must be an AbortSignal/],
    ] as const)
      await expect(election.campaign(options as never)).rejects.toThrow(message);
    await coordinator.stop();
  });
});
