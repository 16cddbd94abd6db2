import { setTimeout as after } from 'node:timers/promises';
import type { Client } from './client.js';

const [SHARES, WORKERS] = [4, 10];
/** Between two requests of a worker, ms; every so often they all hurry. */
const [CALM, HURRY] = [900, 40];
/** How long a calm and a hurried time last together, ms, and the part that is hurried. */
const [ROUND, HURRIED] = [60_000, 0.25];

/** Sends what people might send, more of it at times, until the end is asked for. */
export async function keepBusy(client: Client, ending: AbortSignal): Promise<void> {
  const ids: string[] = [];
  for (let share = 0; share < SHARES; share += 1) {
    const answer = await client.send('POST', '/shares', { size: 1 });
    const { id } = (answer?.body ?? {}) as { id?: string };
    if (id !== undefined) ids.push(id);
  }
  await Promise.all(Array.from({ length: WORKERS }, (_, worker) => work(client, ids, worker, ending)));
}

async function work(
  client: Client,
  ids: readonly string[],
  worker: number,
  ending: AbortSignal,
): Promise<void> {
  for (let turn = worker; ; turn += 1) {
    const share = `/shares/${ids[turn % ids.length]}`;
    const to = `10.0.${worker}.${turn % 20}`;
    // The same few again and again, so that the disk does not fill up.
    if (turn % 10 === 0) await client.send('POST', `${share}/snapshots`, { name: `snap-${worker}` });
    else if (turn % 10 === 5) await client.send('DELETE', `${share}/snapshots/snap-${worker}`);
    else if (turn % 5 === 1) await client.send('POST', `${share}/access`, { to, level: 'rw' });
    else await client.send('POST', `${share}/${turn % 2 === 0 ? 'extend' : 'shrink'}`, { by: 1 });
    const hurries = performance.now() % ROUND < ROUND * HURRIED;
    await after(Math.random() * 2 * (hurries ? HURRY : CALM), undefined, { signal: ending });
  }
}
