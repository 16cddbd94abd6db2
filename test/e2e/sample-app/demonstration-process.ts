import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { eventually } from '../../support/eventually.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const CLI = 'node_modules/@nestjs/cli/bin/nest.js';
const PROGRAM = 'sample-app/dist/sample-app/src/demo/main.js';

/**
 * As `npm start` does it, once in a run of the tests: other test files run the program at the same time, and a build would write over its
 * modules.
 */
export async function buildSampleApp(): Promise<void> {
  const marker = join(tmpdir(), `coordination-sample-app-${process.env['TESTS_RUN']}`);
  const outcome = (): Promise<string> => readFile(marker, 'utf8');
  const isFirst = await writeFile(marker, '', { flag: 'wx' }).then(
    () => true,
    () => false,
  );
  if (isFirst) {
    const build = promisify(execFile)(process.execPath, [CLI, 'build', 'sample-app'], { cwd: ROOT });
    await writeFile(marker, await build.then(() => 'built', String));
  }
  await eventually(async () => (await outcome()) !== '', { within: 280_000 });
  if ((await outcome()) !== 'built')
    throw new Error(`the sample application was not built: ${await outcome()}`);
}

/** The program behind `npm start`, in a process group of its own, as a terminal runs it. */
export class DemonstrationProcess {
  output = '';
  readonly exitCode: Promise<number | null>;
  readonly #child: ChildProcess;

  constructor(env: Readonly<Record<string, string>>, args: readonly string[] = []) {
    this.#child = spawn(process.execPath, [PROGRAM, ...args], {
      cwd: ROOT,
      env: { ...process.env, COORDINATION_BACKEND_URL: '', ...env },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stdout?.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    this.exitCode = new Promise((resolve) => this.#child.once('close', resolve));
  }

  /** Of every replica that it has told of so far and that it has not started again since. */
  get replicas(): { readonly url: string; readonly pid: number }[] {
    // One that was started again has taken the place of the one before.
    const latest = new Map<string, { readonly url: string; readonly pid: number }>();
    for (const [, name = '', url = '', pid] of this.output.matchAll(
      /(replica-\d+) {2}(http:\S+) {2}\(pid (\d+)\)/g,
    ))
      latest.set(name, { url, pid: Number(pid) });
    return [...latest.values()];
  }

  /** Where the data of the shares is. */
  get directory(): string {
    return /plain files in (\S+)/.exec(this.output)?.[1] ?? '';
  }

  /** Settles once it has printed that. */
  async printed(text: string): Promise<void> {
    const exited = this.exitCode.then((code) => {
      if (this.output.includes(text)) return true;
      throw new Error(`it ended with code ${code} without "${text}":\n${this.output}`);
    });
    await Promise.race([exited, eventually(() => this.output.includes(text), { within: 150_000 })]);
  }

  /** To this process alone. */
  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** To it and its replicas at once, which is what Ctrl-C does. */
  pressCtrlC(): void {
    if (this.#child.pid !== undefined) process.kill(-this.#child.pid, 'SIGINT');
  }
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    // No process has that id any more.
    return false;
  }
}
