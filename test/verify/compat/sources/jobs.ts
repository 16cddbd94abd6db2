import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Cron, Interval, ScheduleModule, SchedulerRegistry } from '@nestjs/schedule';
import { CoordinationModule, CoordinatorService, currentRun, RunOnce } from 'nestjs-coordination';

const ticks: (number | undefined)[] = [];
const scheduled: boolean[] = [];

@Injectable()
class Jobs {
  @Cron('* * * * * *', { name: 'above' })
  @RunOnce()
  async above(): Promise<void> {
    ticks.push(currentRun()?.tick.getTime());
    scheduled.push(currentRun()?.byHand === false);
  }

  @RunOnce()
  @Interval('below', 500)
  async below(): Promise<void> {
    scheduled.push(currentRun()?.byHand === false);
  }

  @Cron('0 0 1 1 *', { timeZone: 'Europe/Berlin' })
  @RunOnce('yearly')
  async yearly(): Promise<void> {
    scheduled.push(currentRun()?.byHand === false);
  }
}

@Module({
  imports: [ScheduleModule.forRoot(), CoordinationModule.forRoot({ backendUrl: 'memory:jobs' })],
  providers: [Jobs],
})
class AppModule {}

async function main(): Promise<void> {
  // Two replicas as far as the memory back end knows.
  const apps = [
    await NestFactory.createApplicationContext(AppModule, { logger: ['error', 'warn'] }),
    await NestFactory.createApplicationContext(AppModule, { logger: ['error', 'warn'] }),
  ];
  for (const app of apps)
    for (const job of app.get(SchedulerRegistry).getCronJobs().values())
      if (job.cronTime.source === '0 0 1 1 *') await job.fireOnTick();
  while (ticks.length < 3) await new Promise((resolve) => setTimeout(resolve, 50));
  const once = await apps[0]!.get(CoordinatorService).once('seed', () => undefined);
  const last = await apps[1]!.get(CoordinatorService).lastRun('yearly');
  for (const app of apps) await app.close();
  const right =
    new Set(ticks).size === ticks.length &&
    ticks.every((tick) => tick !== undefined && tick % 1000 === 0) &&
    scheduled.every(Boolean) &&
    once &&
    last?.outcome === 'succeeded';
  console.log(right ? 'works' : `wrong: ${JSON.stringify({ ticks, scheduled, once, last })}`);
}

void main();
