import { ClockShims } from '../../support/clock-shim.js';
import type { RedisServerOptions } from '../../support/redis-server.js';
import type { Speed } from './campaign.js';

const shims: ClockShims[] = [];

/** A world in which time passes so many times as fast, for servers and replicas; undefined where clocks of servers cannot be moved. */
export async function fastClocks(
  factor: number,
): Promise<{ readonly redis: RedisServerOptions; readonly speed: Speed } | undefined> {
  const made = await ClockShims.compile();
  if (!made) return undefined;
  shims.push(made);
  const clock = await made.create();
  clock.run((factor - 1) * 1e6);
  return { redis: { env: clock.env }, speed: { factor, since: Date.now() } };
}

/** To be called when no server runs any more. */
export async function endFastClocks(): Promise<void> {
  for (const made of shims.splice(0)) await made.remove();
}
