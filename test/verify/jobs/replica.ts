import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Cron, ScheduleModule } from '@nestjs/schedule';
import { appendFileSync } from 'node:fs';
import {
  CoordinationModule,
  CoordinatorService,
  currentRun,
  RunOnce,
  Synchronized,
} from 'nestjs-coordination';

/** What the campaign gives a replica, as JSON in its first argument. */
export interface ReplicaOrder {
  readonly agentId: string;
  readonly backendUrl: string;
  readonly ttl: number;
  readonly onCrash: 'skip' | 'rerun';
  readonly jobs: 'seconds' | 'minutes';
  /** The file that all replicas append to: it is read when all have ended, killed or not. */
  readonly journal: string;
}

/** One line of the journal. */
export interface JournalEntry {
  readonly what: 'fired' | 'begun' | 'ended' | 'plain' | 'locked' | 'lost';
  readonly job: string;
  /** Unix time, ms. */
  readonly tick: number;
  readonly agentId: string;
  readonly attempt?: number;
  /** Why it did not run there. */
  readonly reason?: string;
}

const order = JSON.parse(process.argv[2] ?? '') as ReplicaOrder;

function write(entry: Omit<JournalEntry, 'agentId'>): void {
  appendFileSync(order.journal, `${JSON.stringify({ ...entry, agentId: order.agentId })}\n`);
}

/** By the timers of this process, which the campaign may have sped up. */
const after = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function run(job: string, ms: number): Promise<void> {
  const current = currentRun()!;
  const tick = current.tick.getTime();
  const { attempt } = current;
  write({ what: 'begun', job, tick, attempt });
  if (ms > 0) await after(ms);
  write({ what: current.lease.signal.aborted ? 'lost' : 'ended', job, tick, attempt });
}

/** The tick of a second or a minute, as a plain cron job would know it. */
function tickOf(period: number): number {
  return Math.round(Date.now() / period) * period;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
/** How long a run of the job of each minute takes at most, ms. */
const LONGEST = 5 * SECOND;

@Injectable()
class Jobs {
  @Cron('* * * * * *', { name: 'short' })
  @RunOnce({ onCrash: order.onCrash })
  async short(): Promise<void> {
    await run('short', 0);
  }

  @Cron('* * * * * *', { name: 'half' })
  @RunOnce({ onCrash: order.onCrash })
  async half(): Promise<void> {
    await run('half', 400);
  }

  @Cron('*/5 * * * * *', { name: 'long' })
  @RunOnce({ onCrash: order.onCrash })
  async long(): Promise<void> {
    await run('long', 3000);
  }

  /** A control: what happens without the decorator. */
  @Cron('* * * * * *')
  async plain(): Promise<void> {
    write({ what: 'plain', job: 'plain', tick: tickOf(SECOND) });
  }

  /** A control: a lock that skips is free again when a replica comes whose clock is behind. */
  @Cron('* * * * * *')
  @Synchronized('locked-job', { blocking: false, onNotAcquired: 'skip' })
  async locked(): Promise<void> {
    write({ what: 'locked', job: 'locked', tick: tickOf(SECOND) });
  }
}

@Injectable()
class MinuteJobs {
  @Cron('* * * * *', { name: 'minutely' })
  @RunOnce({ onCrash: order.onCrash })
  async minutely(): Promise<void> {
    await run('minutely', Math.random() * LONGEST);
  }

  @Cron('* * * * *')
  async plain(): Promise<void> {
    write({ what: 'plain', job: 'plain', tick: tickOf(MINUTE) });
  }

  @Cron('* * * * *')
  @Synchronized('locked-job', { blocking: false, onNotAcquired: 'skip' })
  async locked(): Promise<void> {
    write({ what: 'locked', job: 'locked', tick: tickOf(MINUTE) });
    await after(Math.random() * LONGEST);
  }
}

@Module({
  imports: [
    ScheduleModule.forRoot(),
    CoordinationModule.forRoot({
      backendUrl: order.backendUrl.split(','),
      agentId: order.agentId,
      ttl: order.ttl,
      startTimeout: 20_000,
      stopTimeout: 5000,
      redis: { maxTtl: order.ttl, persistent: true },
    }),
  ],
  providers: [order.jobs === 'seconds' ? Jobs : MinuteJobs],
})
class ReplicaModule {}

const app = await NestFactory.createApplicationContext(ReplicaModule, { logger: ['warn', 'error'] });
const coordinator = app.get(CoordinatorService);
coordinator.on('job.started', ({ job, tick }) => write({ what: 'fired', job, tick: tick.getTime() }));
coordinator.on('job.skipped', ({ job, tick, reason }) =>
  write({ what: 'fired', job, tick: tick.getTime(), reason }),
);
process.on('message', (message) => {
  if (message === 'stop') void app.close().then(() => process.disconnect());
});
process.send?.('ready');
