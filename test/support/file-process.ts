import { forkFixture, type FixtureProcess, type ForkOptions } from './processes.js';

const FIXTURE = new URL('../integration/file/fixtures/driver.fixture.ts', import.meta.url);

/** What a process with a file driver can be told to do. */
export type Call =
  | { op: 'try' | 'wait' | 'giveUp' | 'release' | 'break' | 'announce'; name: string }
  | { op: 'seize' | 'share'; name: string }
  | { op: 'keep'; name: string; ms: number }
  | { op: 'fence'; name: string; times: number }
  | { op: 'fenceForEver'; name: string; file: string }
  | { op: 'stop' | 'cpu' }
  | { op: 'count'; name: string; file: string; workers: number; each: number; locked: boolean };

/** A lease that is over: its token, and when it was granted, ns on the monotonic clock of this machine. */
export interface FencedLease {
  readonly token: number;
  readonly at: bigint;
}

export interface FileProcessOptions extends ForkOptions {
  /** How wrong its wall clock is, ms. */
  readonly clockOff?: number;
  /** How much slower its time goes. */
  readonly slow?: number;
}

interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

/** A process of its own that runs one file driver. */
export class FileProcess {
  #calls = 0;

  private constructor(readonly process: FixtureProcess) {}

  static async start(directory: string, options: FileProcessOptions = {}): Promise<FileProcess> {
    const { clockOff = 0, slow = 1, ...forkOptions } = options;
    const args = [directory, String(clockOff), String(slow)];
    const process = await forkFixture(FIXTURE, { ...forkOptions, args });
    await process.receive((message) => message === 'started');
    return new FileProcess(process);
  }

  get pid(): number {
    return this.process.pid;
  }

  async try(name: string): Promise<boolean> {
    return (await this.#call({ op: 'try', name })) === true;
  }

  /** Resolves when the lock is held, with the time on the monotonic clock of this machine, ns. */
  async wait(name: string): Promise<bigint> {
    return (await this.#call({ op: 'wait', name })) as bigint;
  }

  /** Its wait rejects. */
  async giveUp(name: string): Promise<void> {
    await this.#call({ op: 'giveUp', name });
  }

  /** The time just before, ns; undefined if the lock was not held any more. */
  async release(name: string): Promise<bigint | undefined> {
    return (await this.#call({ op: 'release', name })) as bigint | undefined;
  }

  async break(name: string): Promise<boolean> {
    return (await this.#call({ op: 'break', name })) === true;
  }

  /** Locks the file as for a lease, and stops there: nothing is written down. */
  async seize(name: string): Promise<void> {
    await this.#call({ op: 'seize', name });
  }

  async share(name: string): Promise<boolean> {
    return (await this.#call({ op: 'share', name })) === true;
  }

  /** Releases the lock, which stays taken for so many ms. */
  async keep(name: string, ms: number): Promise<void> {
    await this.#call({ op: 'keep', name, ms });
  }

  /** Takes so many leases with a token, one after the other, and gives each back. */
  async fence(name: string, times: number): Promise<FencedLease[]> {
    return (await this.#call({ op: 'fence', name, times })) as FencedLease[];
  }

  /** Goes on like `fence`; each token becomes a line of `file` while it is held. */
  fenceForEver(name: string, file: string): void {
    // Killed before it answers.
    this.#call({ op: 'fenceForEver', name, file }).catch(() => undefined);
  }

  async announce(name: string): Promise<void> {
    await this.#call({ op: 'announce', name });
  }

  async stop(): Promise<void> {
    await this.#call({ op: 'stop' });
  }

  async cpu(): Promise<NodeJS.CpuUsage> {
    return (await this.#call({ op: 'cpu' })) as NodeJS.CpuUsage;
  }

  async count(what: Omit<Extract<Call, { op: 'count' }>, 'op'>): Promise<void> {
    await this.#call({ op: 'count', ...what });
  }

  async #call(call: Call): Promise<unknown> {
    this.#calls += 1;
    const id = this.#calls;
    this.process.send({ id, call });
    const { result, error } = await this.process.receive(
      (message): message is Answer =>
        typeof message === 'object' && message !== null && 'id' in message && message.id === id,
    );
    if (error !== undefined) throw new Error(error);
    return result;
  }
}
