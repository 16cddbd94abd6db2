import { existsSync, readFileSync } from 'node:fs';
import type { ChildProcess, Serializable } from 'node:child_process';

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process of its own that runs a fixture; talked to by messages (`process.send`, `process.on('message')`). */
export class FixtureProcess {
  readonly exited: Promise<Exit>;
  /** It has ended, and all that it wrote has been read. */
  readonly closed: Promise<void>;
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
    this.closed = new Promise((resolve) => child.once('close', () => resolve()));
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
  /**
   * Returns when it is stopped: a signal takes effect some time after it was sent, and a process that still runs may take
   * a lock that is freed meanwhile.
   */
  freeze(): void {
    this.child.kill('SIGSTOP');
    while (this.child.exitCode === null && this.#runs());
  }

  /** As the kernel tells; where there is no /proc it cannot be seen. */
  #runs(): boolean {
    const path = `/proc/${this.child.pid}/stat`;
    return existsSync(path) && !/\) [TtZ] /.test(readFileSync(path, 'utf8'));
  }

  thaw(): void {
    this.child.kill('SIGCONT');
  }

  #notify(): void {
    for (const look of this.#look) look();
  }
}
