import type { Clock } from '../../../common/clock.js';
import type { Redis } from 'ioredis';
import { type Measured, measure, within } from '../measure.js';

/** The facts that one server tells of itself. */
export interface ServerFacts {
  readonly info: ReadonlyMap<string, string>;
  readonly measured: Measured;
  /** Its settings, as far as the user may read them. */
  readonly config: ReadonlyMap<string, string>;
}

const SETTINGS = ['appendfsync', 'min-replicas-to-write', 'min-replicas-max-lag', 'save'];

/** Asks the server; settings that the user may not read are left out. */
export async function factsOf(client: Redis, clock: Clock): Promise<ServerFacts> {
  const info = parseInfo(await within(client.info()));
  const measured = await measure(clock, async () => {
    const [seconds, micros] = await within(client.time());
    return Number(seconds) * 1000 + Number(micros) / 1000;
  });
  return { info, measured, config: await configOf(client) };
}

/** Managed services and narrow users refuse CONFIG; nothing that is needed depends on it. */
async function configOf(client: Redis): Promise<ReadonlyMap<string, string>> {
  const config = new Map<string, string>();
  for (const name of SETTINGS) {
    const answer: unknown = await within(client.config('GET', name)).catch(() => undefined);
    if (Array.isArray(answer) && answer.length === 2) config.set(name, String(answer[1]));
  }
  return config;
}

function parseInfo(text: string): ReadonlyMap<string, string> {
  const lines = text.split('\n').map((line) => line.trim());
  return new Map(
    lines.flatMap((line): [string, string][] => {
      const colon = line.indexOf(':');
      return colon > 0 ? [[line.slice(0, colon), line.slice(colon + 1)]] : [];
    }),
  );
}
