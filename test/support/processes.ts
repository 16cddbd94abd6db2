import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { compileFixture } from './fixture-build.js';
import { FixtureProcess } from './fixture-process.js';

export { FixtureProcess, type Exit } from './fixture-process.js';

export interface ForkOptions {
  readonly args?: readonly string[];
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
  readonly execArgv?: readonly string[];
  readonly cwd?: string;
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
