import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, it } from 'vitest';

const files = readdirSync('lib', { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => join('lib', file));

/** The files that a file imports from. */
function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/(?:from|import\() ?'(\.[^']+)\.js'/g)].map(([, path = '']) =>
    normalize(join(dirname(file), `${path}.ts`)),
  );
}

/** What each room of lib may import from the other rooms. All may import the errors. */
const BELOW: Readonly<Record<string, readonly string[]>> = {
  common: [],
  drivers: ['common'],
  'driver-testing': ['common', 'drivers'],
  lock: ['common', 'drivers'],
  injection: ['lock'],
  semaphores: ['common', 'lock'],
  elections: ['common', 'drivers', 'lock', 'injection', 'synchronized'],
  runs: ['common', 'drivers', 'lock'],
  synchronized: ['common', 'lock', 'injection', 'semaphores'],
  'run-once': ['common', 'lock', 'injection', 'runs'],
  inspection: ['common', 'drivers', 'lock', 'semaphores', 'elections', 'runs'],
  'locks-store': ['common', 'drivers', 'lock'],
  'node-cron': ['common', 'lock', 'runs'],
  telemetry: ['common', 'lock'],
  // The rest stands above the service and the module, and may import the files of lib itself.
  config: ['common'],
  health: ['common', 'lock'],
  dashboard: ['common', 'inspection', 'lock', 'runs'],
  testing: ['common', 'drivers', 'lock', 'runs', 'run-once'],
  cli: ['common', 'drivers', 'inspection', 'lock', 'runs'],
};

const ABOVE = ['config', 'health', 'dashboard', 'testing', 'cli'];

/** Files of lib itself that every room may import; `injection` finds the service by its token. */
const OF_ALL = ['lib/errors.ts', 'lib/coordination.error.ts'];
const TOKENS = 'lib/coordination.tokens.ts';

const roomOf = (file: string): string | undefined => /^lib\/([^/]+)\//.exec(file)?.[1];

it('imports go down only, from room to room', () => {
  const upwards = files.flatMap((file) => {
    const room = roomOf(file);
    if (!room) return [];
    return importsOf(file)
      .filter((target) => {
        const other = roomOf(target);
        if (other) return other !== room && !BELOW[room]?.includes(other);
        return (
          !OF_ALL.includes(target) && !ABOVE.includes(room) && !(room === 'injection' && target === TOKENS)
        );
      })
      .map((target) => `${file} imports ${target}`);
  });
  expect(upwards).toEqual([]);
});

/** Of these each file is a door of its own: small parts that everything uses, and the port with the registry of its drivers. */
const OPEN_ROOMS = ['lib/common', 'lib/drivers', 'lib'];

it('each room of lib is entered through its index.ts', () => {
  const past = files.flatMap((file) =>
    importsOf(file)
      .filter((target) => {
        const room = dirname(target);
        const within = dirname(file) === room || file.startsWith(`${room}/`);
        // What is known of a back end before its driver is loaded stands beside the door.
        const door = target === join(room, 'index.ts') || target.endsWith('.backend.ts');
        return !within && !OPEN_ROOMS.includes(room) && !door;
      })
      .map((target) => `${file} imports ${target}`),
  );
  expect(past).toEqual([]);
});
