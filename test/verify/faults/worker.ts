import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { compileFixture } from '../../support/fixture-build.js';
import { FixtureProcess } from '../../support/processes.js';
import { reap } from '../../support/redis-reaper.js';
import type { HistoryRecord } from '../checker/records.js';
import { onLines } from './lines.js';
import { now } from './judge-clock.js';

export interface WorkerSettings {
  /** Names this process, over the whole run. */
  readonly worker: string;
  readonly backendUrl: string;
  /** Where the registers listen. */
  readonly storage: string;
  /** Lease times to pick from, ms. */
  readonly ttls: readonly number[];
  /** How many leases it asks for at a time. */
  readonly loops: number;
  /** The longest pause between two leases of a loop, ms. */
  readonly think: number;
  readonly seed: string;
}

export type WorkerCommand =
  | { readonly do: 'run'; readonly locks: readonly string[] }
  | { readonly do: 'drain' }
  /** Not after that time on the judge's clock. */
  | { readonly do: 'stop before record'; readonly until: number }
  | { readonly do: 'leave' };

export type WorkerReply = 'ready' | 'idle';

/** For so long a call counts as a waiter, ms. */
const WAITING = 20;

/** One worker process, and what it is doing as far as its history tells. */
export class Worker {
  readonly #pending = new Map<string, number>();
  readonly #read: Promise<unknown>;
  /** How many faults want it to stand still. */
  #stops = 0;
  #expected = false;
  ended = false;

  private constructor(
    readonly name: string,
    readonly process: FixtureProcess,
    private readonly records: HistoryRecord[],
  ) {
    const history = process.child.stdio[4] as Readable;
    onLines(history, (line) => this.#note(JSON.parse(line) as HistoryRecord));
    this.#read = once(history, 'close');
    process.child.once('exit', () => {
      this.ended = true;
      reap.ended(process.pid);
    });
  }

  static async start(
    settings: WorkerSettings,
    records: HistoryRecord[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<Worker> {
    const script = await compileFixture(
      fileURLToPath(new URL('./fixtures/worker.fixture.ts', import.meta.url)),
    );
    const child = fork(script, [JSON.stringify(settings)], {
      env: { ...process.env, ...env },
      execArgv: ['--enable-source-maps'],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc', 'pipe'],
    });
    await once(child, 'spawn');
    reap.started(child.pid ?? 0);
    return new Worker(settings.worker, new FixtureProcess(child), records);
  }

  get frozen(): boolean {
    return this.#stops > 0;
  }

  /** Ended though nobody asked for it. */
  get crashed(): boolean {
    return this.ended && !this.#expected;
  }

  send(command: WorkerCommand): void {
    // It may have ended without having been told to, also in this moment, which is judged elsewhere.
    if (!this.ended) this.process.child.send(command, () => undefined);
  }

  freeze(): void {
    this.#stops += 1;
    if (!this.ended) this.process.freeze();
  }

  /** Lets it go on when nobody else wants it to stand still; also when it has stopped itself. */
  thaw(): void {
    this.#stops = Math.max(0, this.#stops - 1);
    if (this.#stops === 0 && !this.ended) this.process.thaw();
  }

  async kill(): Promise<void> {
    if (!this.ended) {
      this.#expected = true;
      await this.process.kill('SIGKILL');
      this.records.push({ type: 'gone', at: now(), worker: this.name });
    }
    // What it had handed over by then is in the pipe.
    await this.#read;
  }

  /**
   * Stops its coordinator and lets it end by itself.
   * @returns what is to be said when it did not in time, and was killed
   */
  async leave(within: number): Promise<string | undefined> {
    this.#expected = true;
    this.send({ do: 'leave' });
    // It may have stopped itself only just now.
    const thawing = setInterval(() => this.thaw(), 200);
    const left = await Promise.race([
      this.process.exited.then(() => true),
      new Promise<false>((resolve) => setTimeout(() => resolve(false), within).unref()),
    ]);
    clearInterval(thawing);
    const state = left ? '' : await this.#stateInKernel();
    if (!left) await this.kill();
    this.records.push({ type: 'gone', at: now(), worker: this.name });
    await this.#read;
    return left
      ? undefined
      : `${this.name} did not end when it was asked to (${state}): ${this.process.output}`;
  }

  async #stateInKernel(): Promise<string> {
    const status = await readFile(`/proc/${this.process.pid}/status`, 'utf8').catch(() => '');
    return /^State:\s*(.*)$/m.exec(status)?.[1] ?? 'state unknown';
  }

  /** Lets its loops end; false when one did not in time. */
  async drain(within: number): Promise<boolean> {
    if (this.ended) return true;
    const idle = this.process
      .receive((message) => message === 'idle', within)
      .then(
        () => true,
        () => this.ended,
      );
    this.send({ do: 'drain' });
    return idle;
  }

  /** Resolves when one of its calls has been waiting for some time, or to false when none was. */
  async waits(within: number): Promise<boolean> {
    const end = now() + within;
    while (now() < end && !this.ended) {
      const before = now() - WAITING;
      if ([...this.#pending.values()].some((since) => since < before)) return true;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return false;
  }

  #note(record: HistoryRecord): void {
    this.records.push(record);
    if (record.type === 'attempt') this.#pending.set(record.attempt, record.at);
    if (record.type === 'granted' || record.type === 'refused' || record.type === 'failed')
      this.#pending.delete(record.attempt);
  }
}
