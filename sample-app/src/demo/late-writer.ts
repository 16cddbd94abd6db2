import { Disk } from '../storage/disk.js';
import type { Permit } from '../storage/permit.js';
import { StaleTokenError } from '../storage/stale-token.error.js';
import type { Finding } from './audit.js';
import type { Promised } from './promised.js';

/** Below the token of every lease that the load had. */
const OLD_TOKEN = 1;

/**
 * Writes to each share as a replica would that was stopped under the first lease of all, and goes on now: its process
 * knows of no loss, so it is up to the storage to refuse it.
 */
export async function writeLate(directory: string, shares: readonly Promised[]): Promise<Finding> {
  const disk = new Disk({ directory, latency: 0 });
  const unaware = new AbortController().signal;
  let accepted = 0;
  for (const { id } of shares) {
    const share = `shares/${id}`;
    const permit: Permit = { resource: share, token: OLD_TOKEN, signal: unaware };
    const text = (await disk.read(`${share}/quota`)) ?? '';
    if (await isAccepted(disk.write(`${share}/quota`, text, permit))) accepted += 1;
  }
  return { what: 'late writes accepted', total: shares.length, wrong: accepted };
}

async function isAccepted(write: Promise<void>): Promise<boolean> {
  try {
    await write;
    return true;
  } catch (error) {
    if (error instanceof StaleTokenError) return false;
    throw error;
  }
}
