import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { compileFixture } from './fixture-build.js';
import { eventually } from './eventually.js';

/** The command line tool in a process of its own, with what it wrote. */
export class Tool {
  stdout = '';
  stderr = '';
  readonly exited: Promise<number>;
  #code?: number;

  private constructor(readonly child: ChildProcess) {
    child.stdout?.on('data', (chunk: Buffer) => (this.stdout += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    this.exited = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        this.#code = code ?? -1;
        resolve(signal === null ? this.#code : -1);
      });
    });
  }

  /** Compiles it. */
  static prepare(): Promise<string> {
    return compileFixture(fileURLToPath(new URL('../../lib/cli/main.ts', import.meta.url)));
  }

  /**
   * Starts it with nothing of the environment that names a back end.
   * @param by a command that runs it, as one which takes rights from it; default: none
   */
  static async start(
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
    by: readonly string[] = [],
  ): Promise<Tool> {
    const script = await Tool.prepare();
    const own = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !name.startsWith('COORDINATION_')),
    );
    const [program = process.execPath, ...rest] = [...by, process.execPath, script, ...args];
    return new Tool(
      spawn(program, rest, {
        env: { ...own, ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    );
  }

  /** Runs it to its end. */
  static async run(
    args: readonly string[],
    env?: Readonly<Record<string, string>>,
  ): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
    const tool = await Tool.start(args, env);
    const code = await tool.exited;
    return { code, stdout: tool.stdout, stderr: tool.stderr };
  }

  get running(): boolean {
    return this.#code === undefined;
  }

  /** Until its stdout has the text. */
  async says(text: string | RegExp): Promise<void> {
    const has = (): boolean =>
      typeof text === 'string' ? this.stdout.includes(text) : text.test(this.stdout);
    await eventually(() => has() || !this.running);
    if (!has()) throw new Error(`the tool ended without ${String(text)}: ${this.stdout}\n${this.stderr}`);
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.child.kill(signal);
    await this.exited;
  }
}
