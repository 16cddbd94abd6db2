import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SoakBackend } from './backend.js';
import { atMost, type Count, same, told } from './counts.js';

/** Two slots of 1 KiB. */
const LARGEST_LOCK_FILE = 2048;
/** Seats are used again, so there are as many files as there ever were coordinators at one time. */
const MOST_SEATS = 40;

/** @param directory undefined for a new one, removed at the end */
export async function fileBackend(directory: string | undefined): Promise<SoakBackend> {
  const scratch = directory ?? (await mkdtemp(join(tmpdir(), 'coordination-soak-')));
  const state = directory ?? join(scratch, 'state');
  return {
    id: 'file:',
    url: `file://${state}`,
    shared: true,
    leasesExpire: false,
    // A name leaves a small file for good: whoever removed it could let two holders in.
    newNames: 0.01,
    counts: () => filesIn(state),
    close: async () => {
      if (directory === undefined) await rm(scratch, { recursive: true, force: true });
    },
  };
}

/** True for a record that does not say when it expires, or not soon. */
function lasts(text: string): boolean {
  const until = /"until":(\d+)/.exec(text)?.[1];
  return until === undefined || Number(until) > Date.now() + 60_000;
}

async function filesIn(state: string): Promise<Count[]> {
  const entries = await readdir(state, { recursive: true, withFileTypes: true });
  const below = (folder: string) => entries.filter(({ parentPath }) => parentPath === join(state, folder));
  const locks = below('locks');
  const records = below('records');
  const seats = below('instances').filter((entry) => entry.isFile());
  const sockets = entries.filter((entry) => entry.isSocket());
  const folders = entries.filter((entry) => entry.isDirectory());
  const known = [locks, records, seats, sockets, folders].reduce((sum, some) => sum + some.length, 0);
  let largest = 0;
  for (const { parentPath, name } of locks) {
    largest = Math.max(largest, (await stat(join(parentPath, name))).size);
  }
  // One that is removed at this moment is none.
  const texts = await Promise.all(
    records.map(({ parentPath, name }) => readFile(join(parentPath, name), 'utf8').catch(() => undefined)),
  );
  const forGood = texts.filter((text) => text !== undefined && lasts(text)).length;
  return [
    told('lock files, one for each name', locks.length),
    atMost(LARGEST_LOCK_FILE, 'bytes of the largest lock file', largest),
    // A killed process leaves some, until they expire and are swept away.
    told('record files', records.length),
    same('record files for good', forGood),
    same('sockets in the directory', sockets.length),
    atMost(MOST_SEATS, 'files of seats', seats.length),
    same('other files', entries.length - known),
  ];
}
