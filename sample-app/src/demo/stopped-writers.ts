import { setTimeout as after } from 'node:timers/promises';
import { Client } from 'pg';
import type { Fleet } from './fleet.js';

/** For how long charges are sent, ms, and by how many clients at a time. */
const [LENGTH, CLIENTS] = [6000, 12];
/** How often a replica is stopped, and for how long, ms: longer than the lock of a charge lasts. */
const [EVERY, STOPPED] = [200, 500];
const ACCOUNTS = ['north', 'south', 'west'];

/** What has become of charges while replicas were stopped in the middle of them. */
export interface Charges {
  readonly committed: number;
  /** Committed ones that another one has overwritten. */
  readonly lost: number;
  readonly refused: number;
}

/** Sends charges, stops replicas at random as a machine does that is short of memory, and looks for charges that were overwritten. */
export async function chargeWhileStopping(fleet: Fleet, ending: AbortSignal): Promise<Charges> {
  const end = performance.now() + LENGTH;
  const stops = stopReplicas(fleet, end);
  const refused = await Promise.all(
    Array.from({ length: CLIENTS }, (_, client) => charge(fleet, client, end, ending)),
  );
  await stops;
  const balances = await Promise.all(ACCOUNTS.map((account) => balanceOf(fleet, account)));
  const committed = sum(balances.map(({ charges }) => charges));
  return { committed, lost: committed - sum(balances.map(({ charged }) => charged)), refused: sum(refused) };
}

/** @returns how many were refused */
async function charge(fleet: Fleet, client: number, end: number, ending: AbortSignal): Promise<number> {
  let refused = 0;
  for (let turn = client; performance.now() < end; turn += 1) {
    ending.throwIfAborted();
    const account = ACCOUNTS[turn % ACCOUNTS.length];
    const answer = await fetch(`${fleet.next().url}/ledger/${account}/charge`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"amount": 1}',
    });
    await answer.body?.cancel();
    if (!answer.ok) refused += 1;
  }
  return refused;
}

async function stopReplicas(fleet: Fleet, end: number): Promise<void> {
  while (performance.now() < end) {
    const { pid } = fleet.next();
    process.kill(pid, 'SIGSTOP');
    await after(STOPPED);
    process.kill(pid, 'SIGCONT');
    await after(EVERY);
  }
}

async function balanceOf(fleet: Fleet, account: string): Promise<{ charged: number; charges: number }> {
  const answer = await fetch(`${fleet.next().url}/ledger/${account}`);
  return (await answer.json()) as { charged: number; charges: number };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** The database may be from an earlier run, and both trials charge the same accounts. */
export async function clearLedger(url: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query('TRUNCATE sample_ledger, sample_charge');
  await client.end();
}
