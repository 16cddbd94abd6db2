import { Injectable } from '@nestjs/common';
import { Cron, Interval, ScheduleModule, SchedulerRegistry, Timeout } from '@nestjs/schedule';
import { createRequire } from 'node:module';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  type CoordinatorEvents,
  currentLease,
  currentRun,
  LockAcquireFailedError,
  type Run,
  RunOnce,
} from 'nestjs-coordination';
import { eventually } from '../../support/eventually.js';
import { Gate } from '../synchronized/fixtures/gate.js';
import { ownSpace, startApp, type TestApp } from '../synchronized/fixtures/test-app.js';

const { CronJob } = createRequire(createRequire(import.meta.url).resolve('@nestjs/schedule'))('cron') as {
  readonly CronJob: new (time: string, onTick: () => unknown) => never;
};

let ran: { readonly method: string; readonly tick: number; readonly run: Run | undefined }[] = [];
let gate = new Gate();
let failure: Error | undefined;

function note(method: string): void {
  const run = currentRun();
  ran.push({ method, tick: run?.tick.getTime() ?? 0, run });
}

@Injectable()
class Jobs {
  @Cron('* * * * * *', { name: 'above' })
  @RunOnce()
  async above(): Promise<string> {
    note('above');
    return 'above';
  }

  @RunOnce()
  @Cron('* * * * * *', { name: 'below' })
  async below(): Promise<string> {
    note('below');
    return 'below';
  }

  @Cron('* * * * * *')
  @RunOnce()
  async unnamed(): Promise<void> {
    note('unnamed');
  }

  @RunOnce('dynamic')
  async dynamic(): Promise<void> {
    note('dynamic');
  }

  /** Never fires by itself. */
  @Cron('0 0 1 1 *', { name: 'yearly', timeZone: 'UTC' })
  @RunOnce()
  async yearly(): Promise<string> {
    note('yearly');
    await gate.pass();
    if (failure) throw failure;
    return 'done';
  }

  @Cron('0 0 1 1 *', { name: 'at-start', timeZone: 'UTC', runOnInit: true } as never)
  @RunOnce()
  async atStart(): Promise<void> {
    note('at-start');
  }

  @Interval('interval', 1000)
  @RunOnce()
  async interval(): Promise<void> {
    note('interval');
  }

  @Timeout('timeout', 50)
  @RunOnce({ id: 'v42' })
  async timeout(): Promise<void> {
    note('timeout');
  }

  @RunOnce('often', { every: '500ms' })
  async often(): Promise<void> {
    note('often');
  }
}

function runsOf(method: string) {
  return ran.filter((entry) => entry.method === method);
}

async function startReplica(backendUrl: string, agentId: string): Promise<TestApp> {
  return startApp({
    imports: [ScheduleModule.forRoot()],
    providers: [Jobs],
    coordination: { backendUrl, agentId },
  });
}

function fire({ app }: TestApp, name: string): Promise<void> {
  return app.get(SchedulerRegistry).getCronJob(name).fireOnTick();
}

type JobEvents = {
  readonly [E in keyof CoordinatorEvents as E extends `job.${string}` ? E : never]?: unknown;
};

function listen({ coordinator }: TestApp, ...names: (keyof JobEvents & keyof CoordinatorEvents)[]) {
  const events: { readonly name: string; readonly event: object }[] = [];
  for (const name of names) coordinator.on(name, (event) => events.push({ name, event }));
  return events;
}

beforeEach(() => {
  ran = [];
  gate = new Gate();
  gate.open();
  failure = undefined;
});

describe('@RunOnce on three replicas', () => {
  it('runs each tick of a cron job once: in either decorator order, and unnamed', async () => {
    const space = ownSpace();
    const fired = new Map<string, Set<number>>();
    for (const agentId of ['a', 'b', 'c']) {
      const { coordinator } = await startReplica(space, agentId);
      for (const event of ['job.started', 'job.skipped'] as const) {
        coordinator.on(event, ({ job, tick }) => {
          fired.set(job, (fired.get(job) ?? new Set()).add(tick.getTime()));
        });
      }
    }
    const jobs = { above: 'above', below: 'below', 'Jobs.unnamed': 'unnamed' };
    await eventually(() => Object.values(jobs).every((method) => runsOf(method).length >= 4));
    for (const [job, method] of Object.entries(jobs)) {
      const ticks = runsOf(method).map(({ tick }) => tick);
      expect(ticks).toEqual([...new Set(ticks)]);
      for (const tick of ticks) expect(tick % 1000).toBe(0);
      // None that a scheduler fired for is left out; the latest may be on its way.
      const latest = ticks.at(-1) ?? 0;
      expect(ticks).toEqual(
        [...(fired.get(job) ?? [])].filter((tick) => tick <= latest).toSorted((a, b) => a - b),
      );
    }
  });

  it('runs @Interval, every and @Timeout with an id once over all of them', async () => {
    const space = ownSpace();
    for (const agentId of ['a', 'b', 'c']) await startReplica(space, agentId);
    await eventually(() => runsOf('interval').length >= 3 && runsOf('often').length >= 4);
    expect(runsOf('timeout')).toHaveLength(1);
    for (const [method, period] of [
      ['interval', 1000],
      ['often', 500],
    ] as const) {
      const starts = runsOf(method).map(({ tick }) => tick);
      const gaps = starts.slice(1).map((start, index) => start - starts[index]!);
      for (const gap of gaps) expect(gap).toBeGreaterThan(period / 2);
    }
  });

  it('runs a job that is registered while the application runs, by its own schedule', async () => {
    const space = ownSpace();
    const replicas = [await startReplica(space, 'a'), await startReplica(space, 'b')];
    for (const { app } of replicas) {
      const job = new CronJob('* * * * * *', () => app.get(Jobs).dynamic());
      app.get(SchedulerRegistry).addCronJob('added', job);
      (job as { start(): void }).start();
    }
    await eventually(() => runsOf('dynamic').length >= 3);
    const ticks = runsOf('dynamic').map(({ tick }) => tick);
    expect(ticks).toEqual([...new Set(ticks)]);
    expect(runsOf('dynamic').every(({ run }) => run?.byHand === false)).toBe(true);
  });

  it('runs a job with runOnInit once for all starts within one tick', async () => {
    const space = ownSpace();
    for (const agentId of ['a', 'b', 'c']) await startReplica(space, agentId);
    await eventually(() => runsOf('above').length >= 2);
    expect(runsOf('at-start')).toHaveLength(1);
    expect(runsOf('at-start')[0]?.run?.byHand).toBe(false);
  });
});

describe('a run', () => {
  it('has a tick, a lease and a record, which every replica can read', async () => {
    const space = ownSpace();
    const [one, other] = [await startReplica(space, 'a'), await startReplica(space, 'b')];
    gate = new Gate();
    const fired = fire(one, 'yearly');
    await eventually(() => runsOf('yearly').length === 1);
    const tick = Date.UTC(new Date().getUTCFullYear(), 0, 1);
    expect(runsOf('yearly')[0]?.run).toMatchObject({
      name: 'yearly',
      attempt: 1,
      madeUp: false,
      byHand: false,
    });
    expect(runsOf('yearly')[0]?.tick).toBe(tick);
    expect(runsOf('yearly')[0]?.run?.lease.fencingToken).toBeGreaterThan(0);
    expect(await other.coordinator.lastRun('yearly')).toMatchObject({
      name: 'yearly',
      tick: new Date(tick),
      memberId: 'a',
      outcome: 'running',
      attempt: 1,
    });
    gate.open();
    await fired;
    await eventually(async () => (await other.coordinator.lastRun('yearly'))?.outcome === 'succeeded');
    expect((await other.coordinator.lastRun('yearly'))?.endedAt).toBeInstanceOf(Date);
    // The other replica has the same tick.
    await fire(other, 'yearly');
    await eventually(async () => (await jobOf(other, 'yearly'))?.skips.done === 1);
    expect(runsOf('yearly')).toHaveLength(1);
    expect(await jobOf(one, 'yearly')).toMatchObject({
      running: false,
      failures: 0,
      lastSuccess: expect.any(Date),
    });
    expect(await other.coordinator.lastRun('nobody')).toBeUndefined();
  });

  it('is told of by events and one line, on the replica that has it', async () => {
    const space = ownSpace();
    const [one, other] = [await startReplica(space, 'a'), await startReplica(space, 'b')];
    const events = listen(one, 'job.started', 'job.ended', 'job.skipped');
    const elsewhere = listen(other, 'job.started', 'job.ended', 'job.skipped');
    await fire(one, 'yearly');
    await eventually(() => events.some(({ name, event }) => name === 'job.ended' && isOf(event, 'yearly')));
    await fire(other, 'yearly');
    await eventually(() => elsewhere.some(({ event }) => isOf(event, 'yearly')));
    const ours = (all: typeof events) =>
      all.filter(({ event }) => isOf(event, 'yearly')).map(({ name }) => name);
    expect(ours(events)).toEqual(['job.started', 'job.ended']);
    expect(ours(elsewhere)).toEqual(['job.skipped']);
    expect(events.find(({ event }) => isOf(event, 'yearly'))?.event).toMatchObject({
      memberId: 'a',
      attempt: 1,
    });
    expect(linesOf('yearly', 'log', one, other)).toEqual([
      expect.stringMatching(/^Job "yearly": the run for \S+ succeeded after \d+ ms/),
    ]);
  });

  it('that fails spends its tick, and its error reaches the scheduler', async () => {
    const space = ownSpace();
    const [one, other] = [await startReplica(space, 'a'), await startReplica(space, 'b')];
    failure = new Error('no disk '.repeat(50));
    await fire(one, 'yearly');
    await eventually(async () => (await other.coordinator.lastRun('yearly'))?.outcome === 'failed');
    failure = undefined;
    await fire(other, 'yearly');
    await eventually(async () => (await jobOf(other, 'yearly'))?.skips.done === 1);
    expect(runsOf('yearly')).toHaveLength(1);
    expect((await one.coordinator.lastRun('yearly'))?.error).toMatch(/^no disk .{180,}…$/);
    expect(await jobOf(one, 'yearly')).toMatchObject({ failures: 1 });
    expect(linesOf('yearly', 'warn', one, other)).toEqual([expect.stringContaining('failed after')]);
    expect([...one.log.of('error'), ...other.log.of('error')].join('\n')).toContain('no disk');
  });

  it('that is called by hand takes the lock and spends no tick', async () => {
    const space = ownSpace();
    const [one, other] = [await startReplica(space, 'a'), await startReplica(space, 'b')];
    gate = new Gate();
    const byHand = one.app.get(Jobs).yearly();
    await eventually(() => runsOf('yearly').length === 1);
    expect(runsOf('yearly')[0]?.run?.byHand).toBe(true);
    await expect(other.app.get(Jobs).yearly()).rejects.toThrow(LockAcquireFailedError);
    gate.open();
    expect(await byHand).toBe('done');
    expect(await one.coordinator.lastRun('yearly')).toBeUndefined();
    await fire(other, 'yearly');
    await eventually(() => runsOf('yearly').length === 2);
  });

  it('is over where it ended: what runs after it is in no run', async () => {
    const { app } = await startReplica(ownSpace(), 'a');
    await app.get(Jobs).yearly();
    expect(currentRun()).toBeUndefined();
    expect(currentLease()).toBeUndefined();
  });
});

function isOf(event: object, job: string): boolean {
  return 'job' in event && event.job === job;
}

async function jobOf({ coordinator }: TestApp, name: string) {
  return (await coordinator.inspect.jobs()).find((job) => job.name === name);
}

/** Nest has one logger in a process: that of the application that started last. */
function linesOf(job: string, level: 'log' | 'warn', ...replicas: TestApp[]): string[] {
  const about = `Job "${job}"`;
  return replicas.flatMap(({ log }) => log.of(level)).filter((line) => line.startsWith(about));
}
