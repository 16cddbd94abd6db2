import { randomUUID } from 'node:crypto';
import { type INestApplicationContext, Injectable, type Provider, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Cron, ScheduleModule, SchedulerRegistry } from '@nestjs/schedule';
import {
  CoordinationModule,
  type CoordinationModuleOptions,
  CoordinatorService,
  currentLease,
  type Leadership,
  LeaderOnly,
  LeaseLostError,
  OnDemoted,
  OnElected,
  Synchronized,
} from 'nestjs-coordination';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.js';
import { RecordedLog } from '../../support/recorded-log.js';

const apps: INestApplicationContext[] = [];
let backendUrl = '';
let log: RecordedLog;

beforeEach(() => {
  backendUrl = `memory:${randomUUID()}`;
  log = RecordedLog.install();
});
afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()));
});

interface Replica {
  readonly app: INestApplicationContext;
  readonly coordinator: CoordinatorService;
  get<T>(type: Type<T>): T;
}

async function replica(providers: Provider[], options: CoordinationModuleOptions = {}): Promise<Replica> {
  class AppModule {}
  const imports = [
    CoordinationModule.forRoot({ backendUrl, stopTimeout: 1000, ...options }),
    ScheduleModule.forRoot(),
  ];
  const app = await NestFactory.createApplicationContext(
    { module: AppModule, imports, providers },
    { logger: log, abortOnError: false },
  );
  apps.push(app);
  return { app, coordinator: app.get(CoordinatorService), get: (type) => app.get(type) };
}

function close({ app }: Replica): Promise<void> {
  apps.splice(apps.indexOf(app), 1);
  return app.close();
}

/** What happened to one object, in order. */
@Injectable()
class Quotas {
  readonly events: string[] = [];
  readonly terms: Leadership[] = [];
  gate: Promise<unknown> = Promise.resolve();

  constructor(readonly coordinator: CoordinatorService) {}

  @OnElected('quota')
  start(leadership: Leadership): void {
    this.terms.push(leadership);
    this.events.push(`elected ${this.coordinator.getElection('quota').isLeader}`);
  }

  @OnDemoted('quota')
  end({ signal }: Leadership): void {
    this.events.push(`demoted ${this.coordinator.getElection('quota').isLeader} ${signal.aborted}`);
  }

  @LeaderOnly('quota')
  async balance(amount: number): Promise<string | undefined> {
    this.events.push(`balance ${amount}`);
    await this.gate;
    return `balanced ${amount} in term ${currentLease()?.fencingToken}`;
  }
}

describe('a class with @OnElected, @OnDemoted and @LeaderOnly', () => {
  it('campaigns; its listeners are called once for each term, when the flag is on and when it is off', async () => {
    const one = await replica([Quotas]);
    const quotas = one.get(Quotas);
    await eventually(() => quotas.terms.length === 1);
    expect(quotas.events).toEqual(['elected true']);
    const election = one.coordinator.getElection('quota');
    await election.resign();
    await eventually(() => quotas.terms.length === 2);
    expect(quotas.events).toEqual(['elected true', 'demoted false true', 'elected true']);
    expect(quotas.terms[1]!.term).toBeGreaterThan(quotas.terms[0]!.term);
  });

  it('runs a @LeaderOnly method on the leader alone, under its lease; elsewhere it resolves to undefined', async () => {
    const one = await replica([Quotas]);
    await eventually(() => one.coordinator.getElection('quota').isLeader);
    const other = await replica([Quotas]);
    const { term } = one.get(Quotas).terms[0]!;
    expect(await one.get(Quotas).balance(7)).toBe(`balanced 7 in term ${term}`);
    expect(await other.get(Quotas).balance(7)).toBeUndefined();
    expect(other.get(Quotas).events).toEqual([]);
    expect(log.of('debug')).toContain(
      'Election "quota": "Quotas.balance" does not run, as this replica does not lead',
    );
    expect(log.of('log').filter((line) => line.includes('balance'))).toEqual([]);
  });

  it('a shutdown demotes, tells, and then another replica leads at once', async () => {
    const one = await replica([Quotas], { ttl: 60_000 });
    const quotas = one.get(Quotas);
    await eventually(() => quotas.terms.length === 1);
    const other = await replica([Quotas]);
    await close(one);
    expect(quotas.events).toEqual(['elected true', 'demoted false true']);
    await eventually(() => other.get(Quotas).terms.length === 1, { within: 5000 });
    // Nobody who never led was demoted.
    expect(other.get(Quotas).events).toEqual(['elected true']);
  });

  it('a shutdown hands over only when the running body has ended; its result is kept', async () => {
    const one = await replica([Quotas], { stopTimeout: 20_000 });
    const quotas = one.get(Quotas);
    await eventually(() => quotas.terms.length === 1);
    const other = await replica([Quotas]);
    let open!: (value?: unknown) => void;
    quotas.gate = new Promise((resolve) => {
      open = resolve;
    });
    const body = quotas.balance(1);
    const closed = close(one);
    await eventually(() => quotas.terms[0]!.signal.aborted);
    expect(other.get(Quotas).terms).toEqual([]);
    open();
    expect(await body).toMatch(/^balanced 1/);
    await closed;
    await eventually(() => other.get(Quotas).terms.length === 1);
  });

  it('a body whose leadership is lost meanwhile rejects with LeaseLostError', async () => {
    const one = await replica([Quotas]);
    const quotas = one.get(Quotas);
    await eventually(() => quotas.terms.length === 1);
    let open!: (value?: unknown) => void;
    quotas.gate = new Promise((resolve) => {
      open = resolve;
    });
    const body = quotas.balance(1);
    await one.coordinator.getLock('election:quota').break();
    expect(quotas.terms[0]!.signal.aborted).toBe(true);
    open();
    await expect(body).rejects.toThrow(LeaseLostError);
    // And it campaigns again.
    await eventually(() => quotas.terms.length === 2);
    expect(quotas.events).toEqual(['elected true', 'balance 1', 'demoted false true', 'elected true']);
  });

  it('tells an object once that is provided under two names', async () => {
    const one = await replica([Quotas, { provide: 'alias', useExisting: Quotas }]);
    const quotas = one.get(Quotas);
    await eventually(() => quotas.terms.length > 0);
    await close(one);
    expect(quotas.events).toEqual(['elected true', 'demoted false true']);
  });

  it('stays out of the election on a replica that is no candidate, which sees who leads', async () => {
    const watcher = await replica([Quotas], { candidate: false });
    const one = await replica([Quotas]);
    await eventually(() => one.get(Quotas).terms.length === 1);
    await one.coordinator.getElection('quota').requestResign();
    await eventually(() => one.get(Quotas).terms.length === 2);
    expect(watcher.get(Quotas).events).toEqual([]);
    expect(await watcher.get(Quotas).balance(1)).toBeUndefined();
    const leader = await watcher.coordinator.getElection('quota').leader();
    expect(leader?.memberId).toBe(one.coordinator.memberId);
  });

  it('a replica whose application has no such class never leads', async () => {
    const without = await replica([]);
    const one = await replica([Quotas]);
    await eventually(() => one.get(Quotas).terms.length === 1);
    expect(without.coordinator.getElection('quota').isLeader).toBe(false);
    const left = one.get(Quotas).terms[0]!;
    await close(one);
    expect(left.signal.aborted).toBe(true);
    expect(await without.coordinator.getElection('quota').leader()).toBeUndefined();
    expect(without.coordinator.getElection('quota').isLeader).toBe(false);
  });

  it('campaigns again when its coordinator was stopped and started', async () => {
    const one = await replica([Quotas]);
    const quotas = one.get(Quotas);
    await eventually(() => quotas.terms.length === 1);
    for (let round = 0; round < 3; round += 1) {
      void one.coordinator.stop();
      await one.coordinator.start();
    }
    await eventually(() => one.coordinator.getElection('quota').isLeader);
    const { length } = quotas.terms;
    await one.coordinator.getElection('quota').resign();
    await eventually(() => quotas.terms.length === length + 1);
    // One campaign, and not one for each start.
    expect(quotas.events).toEqual(
      quotas.terms.flatMap((_, index) =>
        index === 0 ? ['elected true'] : ['demoted false true', 'elected true'],
      ),
    );
  });
});

describe('listeners', () => {
  it('one that throws, or rejects, is logged and changes nothing', async () => {
    const called: string[] = [];
    @Injectable()
    class Failing {
      @OnElected('quota')
      throws(): void {
        called.push('throws');
        throw new Error('first');
      }

      @OnElected('quota')
      async rejects(): Promise<void> {
        called.push('rejects');
        throw new Error('second');
      }

      @OnElected('quota')
      works(): void {
        called.push('works');
      }
    }
    const one = await replica([Failing]);
    await eventually(() => called.length === 3);
    await eventually(() => log.of('error').length === 2);
    expect(called).toEqual(['throws', 'rejects', 'works']);
    expect(log.of('error')).toEqual([
      expect.stringMatching(/^Election "quota": Failing.throws, .* failed Error: first/),
      expect.stringMatching(/^Election "quota": Failing.rejects, .* failed Error: second/),
    ]);
    expect(one.coordinator.getElection('quota').isLeader).toBe(true);
  });

  it('are told of a term that began before them', async () => {
    const called: string[] = [];
    @Injectable()
    class Early {
      constructor(private readonly coordinator: CoordinatorService) {}

      async onModuleInit(): Promise<void> {
        await this.coordinator.getElection('quota').campaign();
        called.push('campaigned');
      }

      @OnElected('quota')
      elected(): void {
        called.push('elected');
      }
    }
    await replica([Early]);
    expect(called).toEqual(['campaigned', 'elected']);
  });

  it('one that resigns is followed by no more of them, and the next term begins for all', async () => {
    const called: string[] = [];
    @Injectable()
    class Shy {
      constructor(private readonly coordinator: CoordinatorService) {}

      @OnElected('quota')
      async first(leadership: Leadership): Promise<void> {
        called.push('first');
        if (called.length === 1) expect(await leadership.resign()).toBe(true);
      }

      @OnElected('quota')
      second(): void {
        called.push(`second ${this.coordinator.getElection('quota').isLeader}`);
      }
    }
    await replica([Shy]);
    await eventually(() => called.length >= 3);
    expect(called).toEqual(['first', 'first', 'second true']);
    expect(log.of('error')).toEqual([]);
  });

  it('of a subclass that overrides them without the decorator are not called', async () => {
    const called: string[] = [];
    @Injectable()
    class Base {
      @OnElected('quota')
      overridden(): void {
        called.push('base');
      }

      @OnElected('quota')
      inherited(): void {
        called.push('inherited');
      }
    }
    @Injectable()
    class Sub extends Base {
      override overridden(): void {
        called.push('sub');
      }
    }
    await replica([Sub]);
    await eventually(() => called.length > 0);
    expect(called).toEqual(['inherited']);
  });
});

describe.each(['above', 'below'])('@LeaderOnly with @Cron %s it', (place) => {
  it('runs the job on the leader alone', async () => {
    const ran: string[] = [];
    @Injectable()
    class Jobs {
      constructor(private readonly coordinator: CoordinatorService) {}

      @Cron('0 0 1 1 *', { name: 'above', disabled: false })
      @LeaderOnly('jobs')
      async above(): Promise<void> {
        ran.push(`above ${this.coordinator.agentId}`);
      }

      @LeaderOnly('jobs')
      @Cron('0 0 1 1 *', { name: 'below' })
      async below(): Promise<void> {
        ran.push(`below ${this.coordinator.agentId}`);
      }
    }
    const one = await replica([Jobs], { agentId: 'one' });
    await eventually(() => one.coordinator.getElection('jobs').isLeader);
    const two = await replica([Jobs], { agentId: 'two' });
    const fire = (): Promise<unknown> =>
      Promise.all([one, two].map(({ app }) => app.get(SchedulerRegistry).getCronJob(place).fireOnTick()));
    await fire();
    expect(ran).toEqual([`${place} one`]);
    await one.coordinator.getElection('jobs').requestResign();
    await eventually(() => two.coordinator.getElection('jobs').isLeader);
    await fire();
    expect(ran).toEqual([`${place} one`, `${place} two`]);
  });
});

it('@LeaderOnly and @Synchronized stand on one method, in either order', async () => {
  @Injectable()
  class Both {
    @LeaderOnly('quota')
    @Synchronized('outer-<id>')
    async above(id: string): Promise<unknown> {
      return [id, currentLease()?.name];
    }

    @Synchronized('inner-<id>')
    @LeaderOnly('quota')
    async below(id: string): Promise<unknown> {
      return [id, currentLease()?.name];
    }
  }
  const one = await replica([Both]);
  await eventually(() => one.coordinator.getElection('quota').isLeader);
  expect(await one.get(Both).above('7')).toEqual(['7', 'outer-7']);
  expect(await one.get(Both).below('7')).toEqual(['7', 'election:quota']);
});

it('elections of several coordinators are apart', async () => {
  const called: string[] = [];
  @Injectable()
  class Two {
    @OnElected('quota')
    main(): void {
      called.push('main');
    }

    @OnElected('quota', { coordinator: 'reports' })
    reports({ election }: Leadership): void {
      called.push(`reports ${election}`);
    }
  }
  class AppModule {}
  const imports = [
    CoordinationModule.forRoot({ backendUrl, prefix: 'main:' }),
    CoordinationModule.forRoot({ backendUrl, prefix: 'reports:', name: 'reports' }),
  ];
  apps.push(
    await NestFactory.createApplicationContext(
      { module: AppModule, imports, providers: [Two] },
      { logger: log, abortOnError: false },
    ),
  );
  await eventually(() => called.length === 2);
  expect(called.toSorted()).toEqual(['main', 'reports quota']);
});

it('objects of factories, and given as values, campaign and are told', async () => {
  class Plain {
    readonly terms: number[] = [];

    @OnElected('plain')
    elected({ term }: Leadership): void {
      this.terms.push(term);
    }
  }
  const value = new Plain();
  const one = await replica([
    { provide: 'value', useValue: value },
    { provide: 'factory', useFactory: () => new Plain() },
  ]);
  const made: Plain = one.app.get('factory');
  await eventually(() => value.terms.length === 1 && made.terms.length === 1);
});
