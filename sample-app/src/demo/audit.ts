import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Promised } from './promised.js';

/** One thing that was looked at: how many there are, and how many of them are wrong. */
export interface Finding {
  readonly what: string;
  readonly total: number;
  readonly wrong: number;
}

/** Compares what was promised with the files, past the application. */
export async function audit(directory: string, shares: readonly Promised[]): Promise<Finding[]> {
  const exported = await readLines(join(directory, 'exports'));
  const sized = shares.filter((share) => share.size !== undefined);
  const sizes = await Promise.all(sized.map((share) => readVolume(join(directory, 'shares', share.id))));
  const volumes = shares.flatMap(({ id }) => join(directory, 'shares', id));
  const snapshots = shares.flatMap(({ id, snapshots }) =>
    [...snapshots].map(([name, made]) => ({ made, path: join(directory, 'snapshots', id, name) })),
  );
  const made = snapshots.filter((snapshot) => snapshot.made > 0);
  const ticks = (await readLines(join(directory, 'usage.log'))).map((line) => line.split(' ')[0]);
  const migrations = (await readLines(join(directory, 'migrations.log'))).map((line) => line.split(' ')[0]);
  const checks = (await readLines(join(directory, 'quota.log'))).map((line) => line.split(' ')[0] ?? '');
  const line = (id: string, client: string): string => `/${id} ${client}(rw)`;
  const allowed = shares.flatMap((share) => [...share.allowed].map((client) => line(share.id, client)));
  const denied = shares.flatMap((share) => [...share.denied].map((client) => line(share.id, client)));

  return [
    {
      what: 'GiB of extends lost',
      total: sum(sized.map(({ size = 0 }) => size)),
      wrong: sum(sized.map((share, index) => sizeError(share, sizes[index]?.size ?? 0))),
    },
    {
      what: 'export lines lost',
      total: allowed.length,
      wrong: allowed.filter((wanted) => !exported.includes(wanted)).length,
    },
    {
      what: 'export lines doubled',
      total: exported.length,
      wrong: exported.length - new Set(exported).size,
    },
    {
      what: 'export lines back after a deny',
      total: denied.length,
      wrong: denied.filter((unwanted) => exported.includes(unwanted)).length,
    },
    {
      what: 'shares left half-changed',
      total: volumes.length,
      wrong: await countTorn(volumes),
    },
    {
      what: 'snapshots taken of a half-changed share',
      total: made.length,
      wrong: await countTorn(made.map(({ path }) => path)),
    },
    {
      what: 'snapshots made twice',
      total: made.length,
      wrong: made.filter((snapshot) => snapshot.made > 1).length,
    },
    {
      what: 'cron ticks run more than once',
      total: new Set(ticks).size,
      wrong: new Set(ticks.filter((tick, index) => ticks.indexOf(tick) !== index)).size,
    },
    {
      what: 'quota checks of a second leader',
      total: checks.length,
      wrong: checks.filter((leader, index) => isSecond(checks, leader, index)).length,
    },
    {
      what: 'migrations run again at a start',
      total: migrations.length,
      wrong: migrations.length - new Set(migrations).size,
    },
  ];
}

function sizeError({ size = 0, inDoubt }: Promised, found: number): number {
  return Math.max(0, size - found, found - size - inDoubt);
}

/** One that led before, and not just before: another replica came between, and yet it still leads. */
function isSecond(leaders: readonly string[], leader: string, index: number): boolean {
  return leader !== leaders[index - 1] && leaders.slice(0, index).includes(leader);
}

async function countTorn(paths: readonly string[]): Promise<number> {
  const volumes = await Promise.all(paths.map(readVolume));
  return volumes.filter(({ size, extents }) => !(extents >= size)).length;
}

async function readVolume(path: string): Promise<{ size: number; extents: number }> {
  const [quota] = await readLines(join(path, 'quota'));
  return { size: Number(quota), extents: (await readLines(join(path, 'extents'))).length };
}

async function readLines(path: string): Promise<string[]> {
  const lines = (await readFile(path, 'utf8').catch(() => '')).split('\n').filter(Boolean);
  const end = lines.indexOf('# end');
  return end < 0 ? lines : lines.slice(0, end);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
