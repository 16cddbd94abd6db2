import { type ChildProcess, fork } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('./replica.main.js', import.meta.url));
/** How long a replica may take to end by itself, ms. */
const LONGEST_WAIT = 8000;

/** What a replica tells its parent once: where it listens, or why it does not. */
export type News = { readonly url: string } | { readonly problem: string };

export interface ReplicaSettings {
  readonly env: NodeJS.ProcessEnv;
  /** How far ahead its clock is, ms. */
  readonly clockOff: number;
}

/** Sets the clock of a whole process, before anything else is loaded. Timers still count real time. */
function clockOffBy(ms: number): string[] {
  const script = `const RealDate = Date;
globalThis.Date = class Date extends RealDate {
  constructor(...given) {
    if (given.length > 0) super(...given);
    else super(RealDate.now() + ${ms});
  }
  static now() {
    return RealDate.now() + ${ms};
  }
};`;
  return ms === 0 ? [] : ['--import', `data:text/javascript,${encodeURIComponent(script)}`];
}

/** One process that serves shares. */
export class Replica {
  readonly #child: ChildProcess;
  /** Settles when the process has ended. */
  readonly exited: Promise<void>;
  #url?: string;
  #stopping = false;

  /** @param logFile gets everything that it writes */
  constructor(
    readonly name: string,
    { env, clockOff }: ReplicaSettings,
    readonly logFile: string,
    private readonly onDeath: (replica: Replica, how: string) => void,
  ) {
    const log = openSync(logFile, 'a');
    this.#child = fork(PROGRAM, {
      execArgv: [...process.execArgv, ...clockOffBy(clockOff)],
      env: { ...process.env, NO_COLOR: '1', ...env, COORDINATION_AGENT_ID: name },
      stdio: ['ignore', log, log, 'ipc'],
    });
    closeSync(log);
    this.exited = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => {
        resolve();
        if (!this.#stopping && this.#url !== undefined) this.onDeath(this, signal ?? `exit code ${code}`);
      });
    });
  }

  /** Where it listens. */
  get url(): string {
    return this.#url ?? '';
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** @throws an Error that says why it does not */
  async listening(): Promise<void> {
    const news = new Promise<News>((resolve) => void this.#child.once('message', resolve));
    const ended = this.exited.then(() => ({ problem: `it ended; its log is ${this.logFile}` }));
    const first = await Promise.race([news, ended]);
    if ('problem' in first) throw new Error(`${this.name} did not start: ${first.problem}`);
    this.#url = first.url;
  }

  /** Lets it finish its requests and give back its locks; kills it when it does not end in time. */
  async stop(): Promise<void> {
    this.#stopping = true;
    if (!this.alive) return;
    if (this.#url === undefined) this.kill();
    const timer = setTimeout(() => this.kill(), LONGEST_WAIT);
    if (this.#child.connected) this.#child.disconnect();
    await this.exited;
    clearTimeout(timer);
  }

  kill(): void {
    this.#stopping = true;
    this.#child.kill('SIGKILL');
  }
}
