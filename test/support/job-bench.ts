import { expect } from 'vitest';
import type { Clock } from '../../lib/common/clock.js';
import type { CoordinatorEventName } from '../../lib/common/coordinator.events.js';
import { CoordinatorService } from '../../lib/coordinator.service.js';
import { LOCK_MANAGER } from '../../lib/lock/index.js';
import {
  Claim,
  Job,
  type JobSettings,
  type Occasion,
  RunRecords,
  type Skipped,
  tickOccasion,
} from '../../lib/runs/index.js';
import { FakeClock } from './fake-clock.js';
import { RecordedLog } from './recorded-log.js';

export const PERIOD = 60_000;

const SETTINGS: JobSettings = {
  name: 'nightly',
  onCrash: 'skip',
  overlap: 'skip',
  history: 2,
  maxSkew: 60_000,
};

let spaces = 0;

/** Replicas of one job that fires each minute, on a clock that the test drives. */
export class JobBench {
  readonly clock = new FakeClock();
  readonly log = RecordedLog.install();
  readonly #members: CoordinatorService[] = [];
  readonly #backendUrl: string;

  constructor(backendUrl?: string) {
    spaces += 1;
    this.#backendUrl = backendUrl ?? `memory:job-${spaces}`;
  }

  /** @param skew of the clock of its machine, ms */
  async replica(agentId: string, settings: Partial<JobSettings> = {}, skew = 0) {
    const service = await this.#member(agentId, skew);
    const events: { readonly name: string; readonly event: object }[] = [];
    const names: CoordinatorEventName[] = ['job.started', 'job.ended', 'job.skipped', 'job.lost'];
    for (const name of names) service.on(name, (event) => events.push({ name, event }));
    const records = new RunRecords(service[LOCK_MANAGER]!.records, 'app:');
    return {
      service,
      job: new Job({ ...SETTINGS, ...settings }, service),
      events: () => events.map(({ name }) => name),
      latest: () => records.get('nightly'),
      put: records.put.bind(records),
    };
  }

  /** The latest tick of a replica whose clock is right. */
  now(): Occasion {
    return tickAt(Math.floor((this.clock.wall() + 5) / PERIOD) * PERIOD);
  }

  async stop(): Promise<void> {
    const stopped = Promise.all(this.#members.map((member) => member.stop()));
    await this.clock.advance(60_000);
    await stopped;
  }

  async #member(agentId: string, skew: number): Promise<CoordinatorService> {
    const { clock } = this;
    const own: Clock = {
      monotonic: () => clock.monotonic(),
      wall: () => clock.wall() + skew,
      setTimer: (ms, callback) => clock.setTimer(ms, callback),
      afterInput: (callback) => clock.afterInput(callback),
    };
    const options = { backendUrl: this.#backendUrl, agentId, prefix: 'app:' };
    const service = new CoordinatorService(options, undefined, { clock: own });
    await service.start();
    this.#members.push(service);
    return service;
  }
}

export function tickAt(tick: number): Occasion {
  return tickOccasion('minutely', tick, (time) => (Math.floor(time / PERIOD) + 1) * PERIOD);
}

export function claimed(outcome: Claim | Skipped): Claim {
  expect(outcome).toBeInstanceOf(Claim);
  return outcome as Claim;
}

/** The replica is killed: it writes nothing more, and its lock becomes free. */
export async function crash({ lease }: Claim): Promise<void> {
  await lease.finish();
}
