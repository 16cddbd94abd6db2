import { execFile } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { reap } from './redis-reaper.js';

/** From the project's root, where everything is run: a compiled program lies elsewhere. */
const SOURCE = resolve('test/support/clock-shim.c');
const run = promisify(execFile);

/** The index, and two settings of three numbers; see clock-shim.c. */
const WORDS = 7;

interface Setting {
  /** ms. */
  readonly offset: number;
  readonly ppm: number;
  /** Unix time from which the rate counts, ms. */
  readonly since: number;
}

/** The wall clock of one process, which can be set from here while that process runs. */
export class ShimmedClock {
  #now: Setting = { offset: 0, ppm: 0, since: Date.now() };
  #index = 0;

  constructor(
    readonly env: Readonly<Record<string, string>>,
    private readonly fd: number,
  ) {}

  /** Sets the clock so many ms ahead of the real one, at the real one's rate. */
  set(offset: number): void {
    this.#write({ offset, ppm: 0, since: Date.now() });
  }

  /** Lets the clock run fast by so many parts per million from now on, without a step. */
  run(ppm: number): void {
    const now = Date.now();
    const { offset, ppm: before, since } = this.#now;
    this.#write({ offset: offset + ((now - since) * before) / 1e6, ppm, since: now });
  }

  #write(setting: Setting): void {
    this.#now = setting;
    this.#index = 1 - this.#index;
    const { offset, ppm, since } = setting;
    const words = [BigInt(Math.round(offset * 1e6)), BigInt(Math.round(ppm)), BigInt(since) * 1_000_000n];
    writeSync(this.fd, new Uint8Array(new BigInt64Array(words).buffer), 0, 24, 8 + 24 * this.#index);
    writeSync(this.fd, new Uint8Array(new BigInt64Array([BigInt(this.#index)]).buffer), 0, 8, 0);
  }

  close(): void {
    closeSync(this.fd);
  }
}

/** Makes clocks for processes that are started with their `env`. */
export class ClockShims {
  readonly #clocks: ShimmedClock[] = [];
  #created = 0;

  private constructor(private readonly directory: string) {}

  /** @returns undefined where there is no compiler, or no preloading */
  static async compile(): Promise<ClockShims | undefined> {
    if (process.platform !== 'linux') return undefined;
    const directory = await mkdtemp(join(tmpdir(), 'coordination-clock-'));
    reap.made(directory);
    try {
      await run('cc', ['-shared', '-fPIC', '-O2', '-o', join(directory, 'clock-shim.so'), SOURCE]);
    } catch {
      // No compiler, or no headers: whoever asked does without, and says so.
      await rm(directory, { recursive: true, force: true });
      return undefined;
    }
    return new ClockShims(directory);
  }

  async create(): Promise<ShimmedClock> {
    // Two clocks in one file would move together, and who has mapped it dies of SIGBUS when it is emptied.
    const path = join(this.directory, `clock-${(this.#created += 1)}`);
    await writeFile(path, new Uint8Array(8 * WORDS), { flag: 'wx' });
    const env = { LD_PRELOAD: join(this.directory, 'clock-shim.so'), CLOCK_SHIM: path };
    const clock = new ShimmedClock(env, openSync(path, 'r+'));
    this.#clocks.push(clock);
    return clock;
  }

  async remove(): Promise<void> {
    for (const clock of this.#clocks.splice(0)) clock.close();
    await rm(this.directory, { recursive: true, force: true });
  }
}
