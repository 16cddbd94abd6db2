import { everyOccasion, idOccasion, type Occasion, tickOccasion } from '../runs/index.js';
import { scheduleOn } from './definition.js';
import type { HostedJob } from './job-explorer.js';
import { callFor } from './trigger.js';

/**
 * Calls a job as its scheduler does, for that tick: for a test, which has no scheduler.
 * @param tick Unix time, ms
 * @throws what the method throws
 */
export async function runForTick(hosted: HostedJob, tick: number): Promise<void> {
  const { host, definition } = hosted;
  const method: unknown = Reflect.get(host, definition.propertyKey);
  if (typeof method !== 'function') return;
  await callFor(occasionAt(hosted, tick), () => method.call(host) as unknown);
}

function occasionAt({ host, definition, link }: HostedJob, tick: number): Occasion {
  const { cron, interval, timeout } = scheduleOn(host, definition);
  const { every, id } = definition.settings;
  if (id !== undefined) return idOccasion(id, tick);
  const period = interval ?? every ?? timeout;
  if (period !== undefined) return everyOccasion(period, tick);
  const ticks = cron && link?.ticks(cron);
  const schedule = ticks?.schedule ?? 'the ticks of a test';
  const occasion = tickOccasion(schedule, tick, (time) => ticks?.after(time));
  // A test may name any tick, whatever the time is.
  return { ...occasion, byClock: false };
}
