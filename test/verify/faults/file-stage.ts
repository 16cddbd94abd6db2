import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { systemClock } from '../../../lib/common/clock.js';
import { round } from '../../../lib/drivers/file/housekeeping.js';
import { loadNativeLock } from '../../../lib/drivers/file/kernel/native-lock.js';
import { Instances } from '../../../lib/drivers/file/directory/instance.js';
import { Sharers } from '../../../lib/drivers/file/shares/index.js';
import { StateDirectory } from '../../../lib/drivers/file/directory/state-directory.js';
import { TokenFloor } from '../../../lib/drivers/file/directory/token-floor.js';
import type { Leftover } from '../checker/leftovers.js';
import { reap } from '../../support/redis-reaper.js';
import { now } from './judge-clock.js';
import type { Actions } from './scene.js';
import type { Stage } from './stage.js';
import { stopUntilOvertaken } from './worker-faults.js';

const run = promisify(execFile);
const FOLDERS = ['locks', 'records', 'instances', 'queues'];

/** Until when a record says that it is there, ms from now; 0 for one that was not written whole. */
async function timeLeft(path: string): Promise<number> {
  const text = await readFile(path, 'utf8');
  const until = /"until":(\d+)/.exec(text)?.[1];
  return until === undefined ? 0 : Number(until) - Date.now();
}

/** A directory of lock files. */
export class FileStage implements Stage {
  readonly nodes = 0;
  readonly actions: Actions;
  readonly #state: string;

  private constructor(private readonly directory: string) {
    this.#state = join(directory, 'state');
    this.actions = this.#faults();
  }

  static async start(): Promise<FileStage> {
    const directory = await mkdtemp(join(tmpdir(), 'coordination-faults-'));
    reap.made(directory);
    return new FileStage(directory);
  }

  urlOf(): string {
    return `file://${this.#state}`;
  }

  heal(): Promise<void> {
    return this.#restoreFolders();
  }

  /** The next run has other names, and may lose counters where the clock of this one was hours ahead: what is left would lead its tokens. */
  settle(): void {
    const { locks, tokens } = new StateDirectory(this.#state);
    for (const path of [...readdirSync(locks).map((name) => join(locks, name)), tokens])
      rmSync(path, { force: true });
  }

  /** A lock's file stays for a day; what else there is belongs to living processes. */
  async leftovers(workers: 'idle' | 'ended'): Promise<Leftover[]> {
    if (workers === 'idle') return [];
    const folders = ['records', 'instances', 'queues'].map((folder) => join(this.#state, folder));
    const found = await Promise.all(
      // On a busy machine no worker may have come to make them.
      folders.filter(existsSync).map(async (folder) => {
        const entries = await readdir(folder, { recursive: true, withFileTypes: true });
        const isSeats = folder === folders[1];
        // A seat is a lock too: its file stays, its socket goes.
        return entries
          .filter((entry) => !entry.isDirectory() && (!isSeats || entry.name.endsWith('.sock')))
          .map(({ name }) => join(folder, name));
      }),
    );
    return Promise.all(
      found.flat().map(async (path) => ({
        what: `file in ${basename(dirname(path))}`,
        name: basename(path),
        // What a killed process has announced goes when it has expired, and what it was about to write goes with it.
        ...(dirname(path) === folders[0] && { ttl: await timeLeft(path) }),
      })),
    );
  }

  async stop(): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }

  async #removeUnused(): Promise<number> {
    const native = await loadNativeLock();
    const directory = new StateDirectory(this.#state);
    const long = new Date(0);
    const files = await readdir(directory.locks).catch(
      // Another fault has taken the folder away.
      () => [],
    );
    await Promise.all(
      files.map((name) => utimes(join(directory.locks, name), long, long).catch(() => undefined)),
    );
    const instances = new Instances(directory.instancesFolder, native);
    const floor = new TokenFloor(directory.tokens, native);
    const clock = systemClock;
    const sharers = new Sharers(instances, clock, 10_000);
    try {
      Array.from(round({ directory, native, instances, sharers, floor, clock, random: Math.random }));
    } catch {
      // As above.
    }
    return files.filter((name) => !existsSync(join(directory.locks, name))).length;
  }

  async #restoreFolders(): Promise<void> {
    for (const folder of FOLDERS) await mkdir(join(this.#state, folder), { recursive: true, mode: 0o700 });
  }

  #faults(): Actions {
    return {
      // A limit on the size of files stands in for a full disk.
      'disk full': async (step, scene) => {
        const worker = scene.crew.target(step.worker);
        if (!worker) return undefined;
        const limit = (size: string): Promise<unknown> =>
          run('prlimit', ['--pid', String(worker.process.pid), `--fsize=${size}:`]).catch(
            // It was killed meanwhile.
            () => undefined,
          );
        // Of the two slots of a file, 1100 bytes cut the second one short.
        await limit(step.chance < 0.5 ? '0' : '1100');
        await scene.pause(step.lasts);
        await limit('unlimited');
        return worker.name;
      },

      'stop between lock and record': async (step, scene) => {
        const worker = scene.crew.target(step.worker);
        if (!worker) return undefined;
        worker.send({ do: 'stop before record', until: now() + step.lasts / 2 });
        await scene.pause(step.lasts);
        worker.thaw();
        return worker.name;
      },

      'kill between lock and record': async (step, scene) => {
        const worker = scene.crew.target(step.worker);
        if (!worker) return undefined;
        worker.send({ do: 'stop before record', until: now() + 100 });
        await scene.pause(150);
        if (worker.ended) return undefined;
        await scene.crew.replace(worker);
        return worker.name;
      },

      // They are made to look unused, again and again, while others lock them.
      'remove unused files': async (step, scene) => {
        const end = now() + step.lasts;
        let removed = 0;
        while (now() < end) {
          removed += await this.#removeUnused();
          await scene.pause(5);
        }
        return `${removed} files`;
      },

      'remove directory': async (step, scene) => {
        if (!existsSync(join(this.#state, 'locks'))) return undefined;
        const what = step.chance < 0.6 ? 'locks' : '.';
        // In one step, as others go on to create files in it.
        const aside = join(this.directory, `removed-${randomUUID()}`);
        await rename(join(this.#state, what), aside);
        await rm(aside, { recursive: true, force: true });
        await scene.pause(step.lasts);
        await this.#restoreFolders();
        return what === '.' ? 'the whole directory' : what;
      },

      'remove the file of a stopped holder': (step, scene) => {
        const lock = scene.locks[step.lock] ?? '';
        const path = new StateDirectory(this.#state).lock(lock);
        return stopUntilOvertaken(lock, step.lasts, scene, () => rm(path, { force: true }));
      },
    };
  }
}
