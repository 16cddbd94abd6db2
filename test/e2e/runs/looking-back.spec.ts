import { Injectable } from '@nestjs/common';
import { Cron, ScheduleModule, SchedulerRegistry } from '@nestjs/schedule';
import { beforeEach, describe, expect, it } from 'vitest';
import { currentRun, type CoordinatorService, RunOnce } from 'nestjs-coordination';
import { LOCK_MANAGER } from '../../../lib/lock/index.js';
import { RunRecords } from '../../../lib/runs/index.js';
import { eventually } from '../../support/eventually.js';
import { ownSpace, startApp, startPeer } from '../synchronized/fixtures/test-app.js';

const DAY = 24 * 60 * 60 * 1000;

let ran: {
  readonly job: string;
  readonly tick: number;
  readonly madeUp: boolean;
  readonly attempt: number;
}[] = [];

let failsAgain = false;

function note(): void {
  const { name: job, tick, madeUp, attempt } = currentRun()!;
  ran.push({ job, tick: tick.getTime(), madeUp, attempt });
}

/** Fires at New Year alone, and so not in a test. */
@Injectable()
class Jobs {
  @Cron('0 0 1 1 *', { name: 'made-up', timeZone: 'UTC' })
  @RunOnce({ missed: 'once', missedWithin: '2y' })
  async madeUp(): Promise<void> {
    note();
  }

  @Cron('0 0 1 1 *', { name: 'left', timeZone: 'UTC' })
  @RunOnce()
  async left(): Promise<void> {
    note();
  }

  @Cron('0 0 1 1 *', { name: 'old', timeZone: 'UTC' })
  @RunOnce({ missed: 'once', missedWithin: 0 })
  async old(): Promise<void> {
    note();
  }

  @Cron('0 0 1 1 *', { name: 'rerun', timeZone: 'UTC' })
  @RunOnce({ onCrash: 'rerun' })
  async rerun(): Promise<void> {
    note();
    if (currentRun()?.attempt === 2 && failsAgain) throw new Error('no disk');
  }
}

const SCHEDULE = 'cron 0 0 1 1 * (UTC)';
/** The tick so many years before the latest one. */
const newYear = (before = 0): number => Date.UTC(new Date().getUTCFullYear() - before, 0, 1);

/** What a replica has written that is gone now. */
async function leave(
  coordinator: CoordinatorService,
  name: string,
  tick: number,
  state: 'started' | 'succeeded',
  schedule = SCHEDULE,
): Promise<void> {
  const records = new RunRecords(coordinator[LOCK_MANAGER]!.records, '');
  await records.put({
    name,
    schedule,
    tick,
    next: tick + 365 * DAY,
    token: 1,
    memberId: 'gone',
    state,
    start: tick,
    end: tick + 1,
    sinceStart: 1,
    life: 730 * DAY,
    attempt: 1,
    failures: 0,
    history: [],
  });
}

async function startReplica(backendUrl: string) {
  return startApp({ imports: [ScheduleModule.forRoot()], providers: [Jobs], coordination: { backendUrl } });
}

beforeEach(() => {
  ran = [];
  failsAgain = false;
});

describe('after a start', () => {
  it("makes up the latest tick that all missed, once, with missed: 'once'", async () => {
    const backendUrl = ownSpace();
    const peer = await startPeer({ backendUrl });
    const missed: object[] = [];
    for (const name of ['made-up', 'left', 'old']) await leave(peer, name, newYear(2), 'succeeded');
    const [one] = [await startReplica(backendUrl), await startReplica(backendUrl)];
    one.coordinator.on('job.missed', (event) => missed.push(event));
    await eventually(() => ran.some(({ job }) => job === 'made-up'));
    expect(ran).toEqual([{ job: 'made-up', tick: newYear(), madeUp: true, attempt: 1 }]);
    await eventually(async () => (await peer.lastRun('made-up'))?.outcome === 'succeeded');
    expect(await peer.lastRun('made-up')).toMatchObject({ madeUp: true });
  });

  it('makes up nothing where the schedule is another one, where nothing has ever run, and where nothing was missed', async () => {
    const backendUrl = ownSpace();
    const peer = await startPeer({ backendUrl });
    await leave(peer, 'made-up', newYear(2), 'succeeded', 'cron 0 0 2 1 * (UTC)');
    const app = await startReplica(backendUrl);
    await leave(peer, 'rerun', newYear(), 'started');
    // What is looked at after this start is looked at now.
    const again = await startReplica(backendUrl);
    await eventually(() => ran.some(({ job }) => job === 'rerun'));
    expect(ran.filter(({ job }) => job !== 'rerun')).toEqual([]);
    expect(
      [app, again].flatMap(({ log }) => log.of('warn')).filter((line) => line.includes('made-up')),
    ).toEqual([]);
  });

  it("runs a run once more that was lost while nobody was there, with onCrash: 'rerun'", async () => {
    const backendUrl = ownSpace();
    const peer = await startPeer({ backendUrl });
    await leave(peer, 'rerun', newYear(3), 'started');
    await Promise.all([startReplica(backendUrl), startReplica(backendUrl)]);
    await eventually(async () => (await peer.lastRun('rerun'))?.outcome === 'succeeded');
    expect(ran).toEqual([{ job: 'rerun', tick: newYear(3), madeUp: false, attempt: 2 }]);
  });

  it('runs the tick that found a lost run also when that one fails again', async () => {
    const backendUrl = ownSpace();
    const peer = await startPeer({ backendUrl });
    const { app } = await startReplica(backendUrl);
    failsAgain = true;
    await leave(peer, 'rerun', newYear(1), 'started');
    await app.get(SchedulerRegistry).getCronJob('rerun').fireOnTick();
    await eventually(async () => (await peer.lastRun('rerun'))?.outcome === 'succeeded');
    expect(ran.filter(({ job }) => job === 'rerun')).toEqual([
      { job: 'rerun', tick: newYear(1), madeUp: false, attempt: 2 },
      { job: 'rerun', tick: newYear(), madeUp: false, attempt: 1 },
    ]);
  });
});
