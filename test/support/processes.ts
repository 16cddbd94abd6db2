import { fork, type ChildProcess, type Serializable } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { compileFixture } from './fixture-build.js';

export interface ForkOptions {
  readonly args?: readonly string[];
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
  readonly execArgv?: readonly string[];
  readonly cwd?: string;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process of its own that runs a fixture; talked to by messages (`process.send`, `process.on('message')`). */
export class FixtureProcess {
  readonly exited: Promise<Exit>;
  #messages: unknown[] = [];
  #look = new Set<() => void>();
  #exit?: Exit;
  #output = '';

  constructor(readonly child: ChildProcess) {
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.#exit = { code, signal };
        resolve(this.#exit);
        this.#notify();
      });
    });
    child.on('message', (message) => {
      this.#messages.push(message);
      this.#notify();
    });
    child.stdout?.on('data', (chunk: Buffer) => (this.#output += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => (this.#output += chunk.toString()));
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error('the fixture did not start');
    return this.child.pid;
  }

  /** What it wrote to stdout and stderr so far. */
  get output(): string {
    return this.#output;
  }

  send(message: Serializable): void {
    this.child.send(message);
  }

  /** Takes the oldest message that `match` accepts, now or when it comes; rejects when the process ends first. */
  receive<T>(match: (message: unknown) => message is T, within?: number): Promise<T>;
  receive(match: (message: unknown) => boolean, within?: number): Promise<unknown>;
  receive(match: (message: unknown) => boolean, within = 40_000): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void) => {
        clearTimeout(timer);
        this.#look.delete(look);
        settle();
      };
      const look = () => {
        const index = this.#messages.findIndex(match);
        if (index >= 0) {
          const [message] = this.#messages.splice(index, 1);
          end(() => resolve(message));
        } else if (this.#exit) {
          const { code, signal } = this.#exit;
          end(() => reject(new Error(`the fixture ended (${code ?? signal}):\n${this.#output}`)));
        }
      };
      const timer = setTimeout(
        () => end(() => reject(new Error(`no such message within ${within} ms:\n${this.#output}`))),
        within,
      );
      this.#look.add(look);
      look();
    });
  }

  kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Exit> {
    this.child.kill(signal);
    return this.exited;
  }

  /** SIGSTOP and SIGCONT: the process is frozen, and goes on. */
  freeze(): void {
    this.child.kill('SIGSTOP');
  }

  thaw(): void {
    this.child.kill('SIGCONT');
  }

  #notify(): void {
    for (const look of this.#look) look();
  }
}

/**
 * Runs a TypeScript fixture in a real Node process of its own, with decorator metadata.
 *
 * The caller ends it: `await process.kill()`.
 *
 * @example
 *   const holder = await forkFixture(new URL('./fixtures/holder.ts', import.meta.url), { args: [directory] });
 *   await holder.receive((message) => message === 'held');
 */
export async function forkFixture(source: URL | string, options: ForkOptions = {}): Promise<FixtureProcess> {
  const script = await compileFixture(typeof source === 'string' ? source : fileURLToPath(source));
  const child = fork(script, [...(options.args ?? [])], {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    execArgv: ['--enable-source-maps', ...(options.execArgv ?? [])],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    serialization: 'advanced',
  });
  return new FixtureProcess(child);
}
