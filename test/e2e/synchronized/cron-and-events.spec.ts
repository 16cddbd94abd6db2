import { Injectable } from '@nestjs/common';
import { EventEmitter2, EventEmitterModule, OnEvent } from '@nestjs/event-emitter';
import { Cron, ScheduleModule, SchedulerRegistry } from '@nestjs/schedule';
import { describe, expect, it } from 'vitest';
import { currentLease, Synchronized } from 'nestjs-coordination';
import { eventually } from '../../support/eventually.js';
import { Gate } from './fixtures/gate.js';
import { Overlap } from './fixtures/overlap.js';
import { ownSpace, startApp, type TestApp } from './fixtures/test-app.js';

let gate = new Gate();
const ran: string[] = [];
const overlap = new Overlap();

@Injectable()
class Jobs {
  @Cron('0 0 1 1 *', { name: 'above' })
  @Synchronized('nightly', { blocking: false, onNotAcquired: 'skip' })
  async above(): Promise<void> {
    ran.push(`above ${currentLease()?.name}`);
    await gate.pass();
  }

  @Synchronized('nightly', { blocking: false, onNotAcquired: 'skip' })
  @Cron('0 0 1 1 *', { name: 'below' })
  async below(): Promise<void> {
    ran.push(`below ${currentLease()?.name}`);
    await gate.pass();
  }

  @OnEvent('share.above')
  @Synchronized('share-<share.id>')
  async onAbove(share: { id: string }): Promise<void> {
    await overlap.body();
    ran.push(`above ${share.id} ${currentLease()?.name}`);
  }

  @Synchronized('share-<share.id>')
  @OnEvent('share.below')
  async onBelow(share: { id: string }): Promise<void> {
    await overlap.body();
    ran.push(`below ${share.id} ${currentLease()?.name}`);
  }
}

/** Two replicas of one application. */
async function startReplicas(): Promise<TestApp[]> {
  ran.length = 0;
  gate = new Gate();
  const backendUrl = ownSpace();
  const start = () =>
    startApp({
      imports: [ScheduleModule.forRoot(), EventEmitterModule.forRoot()],
      providers: [Jobs],
      coordination: { backendUrl },
    });
  return [await start(), await start()];
}

describe.each(['above', 'below'])('@Synchronized with the decorator of a job %s it', (place) => {
  it('lets one replica run a cron job, and the others skip it', async () => {
    const replicas = await startReplicas();
    const runs = replicas.map(({ app }) => app.get(SchedulerRegistry).getCronJob(place).fireOnTick());
    await gate.reached;
    // The other one has been refused, and has ended, while the first one still runs.
    await Promise.race(runs);
    expect(ran).toEqual([`${place} nightly`]);
    gate.open();
    await Promise.all(runs);
    expect(ran).toEqual([`${place} nightly`]);
  });

  it('handles events one at a time for each name', async () => {
    const replicas = await startReplicas();
    overlap.most = 0;
    await Promise.all(
      replicas.map(({ app }) => app.get(EventEmitter2).emitAsync(`share.${place}`, { id: '7' })),
    );
    await eventually(() => ran.length === 2);
    expect(ran).toEqual([`${place} 7 share-7`, `${place} 7 share-7`]);
    expect(overlap.most).toBe(1);
  });
});
