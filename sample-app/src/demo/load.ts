import type { Client } from './client.js';
import type { Promised } from './promised.js';

/** What is done to each share. */
export interface Amount {
  readonly shares: number;
  readonly extends: number;
  readonly rules: number;
  readonly snapshots: number;
  readonly reverts: number;
}

type Task = () => Promise<void>;

/** Requests under way at any moment: enough to be in each other's way. */
const AT_ONCE = 16;

/** Of the shares at the start, GiB. */
const SIZE = 1;

const BASE = 'base';

/**
 * Sends the load and writes down what was promised: to every share extends, access rules (every third is taken back)
 * and snapshots, all mixed; to the last one also reverts.
 *
 * @param onProgress told how many tasks are done, and of how many
 */
export async function sendLoad(
  client: Client,
  amount: Amount,
  onProgress: (done: number, total: number) => void,
): Promise<Promised[]> {
  const shares: Promised[] = [];
  for (let index = 0; index < amount.shares; index++) shares.push(await createShare(client));
  const reverted = shares.at(-1);
  if (reverted) await prepareReverts(client, reverted);

  const tasks = mixed(
    shares.map((share) => [
      ...times(amount.extends, () => extend(client, share)),
      ...times(amount.rules, (index) => allow(client, share, index)),
      ...times(amount.snapshots, (index) => snapshot(client, share, `snap-${index + 1}`)),
      ...times(share === reverted ? amount.reverts : 0, () => revert(client, share)),
    ]),
  );
  const total = tasks.length;
  let done = 0;
  const worker = async (): Promise<void> => {
    for (let task = tasks.shift(); task; task = tasks.shift()) {
      await task();
      onProgress(++done, total);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return shares;
}

async function createShare(client: Client): Promise<Promised> {
  const answer = await client.send('POST', '/shares', { size: SIZE });
  const { id } = (answer?.body ?? {}) as { id?: string };
  if (id === undefined) throw new Error(`no share was created: ${JSON.stringify(answer?.body)}`);
  const nothing = { inDoubt: 0, allowed: new Set<string>(), denied: new Set<string>() };
  return { id, size: SIZE, snapshots: new Map(), ...nothing };
}

async function prepareReverts(client: Client, share: Promised): Promise<void> {
  await client.send('POST', `/shares/${share.id}/snapshots`, { name: BASE });
  share.size = undefined;
}

async function extend(client: Client, share: Promised): Promise<void> {
  const answer = await client.send('POST', `/shares/${share.id}/extend`, { by: 1 });
  if (!answer) share.inDoubt += 1;
  else if (answer.status === 200 && share.size !== undefined) share.size += 1;
}

async function allow(client: Client, share: Promised, index: number): Promise<void> {
  const to = `10.0.${index >> 8}.${index & 255}`;
  const allowed = await client.send('POST', `/shares/${share.id}/access`, { to, level: 'rw' });
  if (allowed?.status !== 201) return;
  share.allowed.add(to);
  if (index % 3 > 0) return;
  const denied = await client.send('DELETE', `/shares/${share.id}/access/${to}`);
  if (!denied || denied.status === 204) share.allowed.delete(to);
  if (denied?.status === 204) share.denied.add(to);
}

/** Two clients, or one that was impatient, ask for the same: one of them may get it. */
async function snapshot(client: Client, share: Promised, name: string): Promise<void> {
  const ask = (): ReturnType<Client['send']> =>
    client.send('POST', `/shares/${share.id}/snapshots`, { name });
  const answers = await Promise.all([ask(), ask()]);
  share.snapshots.set(name, answers.filter((answer) => answer?.status === 201).length);
}

async function revert(client: Client, share: Promised): Promise<void> {
  await client.send('POST', `/shares/${share.id}/snapshots/${BASE}/revert`);
}

function times(count: number, task: (index: number) => Promise<void>): Task[] {
  return Array.from({ length: count }, (_, index) => () => task(index));
}

/** Every kind and every share evenly spread from the start to the end. */
function mixed(lists: readonly Task[][]): Task[] {
  const placed = lists.flatMap((tasks) => tasks.map((task) => ({ task, at: Math.random() })));
  return placed.sort((one, other) => one.at - other.at).map(({ task }) => task);
}
