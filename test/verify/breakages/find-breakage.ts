import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Breakage } from './breakage.js';
import type { ProjectCopy } from './project-copy.js';

/** For any one command, ms. */
const LONGEST = 400_000;

export interface Finding {
  readonly breakage: Breakage;
  /** The command has failed, and said what it should. */
  readonly found: boolean;
  readonly seed: string;
  /** What it was that it said, as far as the table asks for it. */
  readonly said: string;
  /** ms */
  readonly took: number;
  readonly output: string;
}

/** Breaks the copy, and runs what has to find it. */
export async function findBreakage(
  copy: ProjectCopy,
  breakage: Breakage,
  signal?: AbortSignal,
): Promise<Finding> {
  const { edits, foundBy } = breakage;
  const start = performance.now();
  const { output, failed } = await copy.with(edits, () => run(foundBy.command, copy.directory, signal));
  const said = foundBy.report.exec(output);
  const took = performance.now() - start;
  return {
    breakage,
    found: failed && said !== null,
    seed: said?.[1] ?? '–',
    said: said?.[0].trim().replace(/^(seed \S+: |FAIL +(\|\w+\| +)?\S+ > )/, '') ?? '–',
    took,
    output,
  };
}

interface Outcome {
  readonly output: string;
  readonly failed: boolean;
}

async function run(command: string, directory: string, signal?: AbortSignal): Promise<Outcome> {
  const [program = '', ...args] = command.split(' ');
  // A group of its own, so that what it starts can be ended with it.
  const child = spawn(program, args, {
    cwd: directory,
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  let ended = false;
  const end = (): void => {
    ended = true;
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
  };
  const timer = setTimeout(end, LONGEST);
  signal?.addEventListener('abort', end);
  try {
    const [code] = (await once(child, 'close')) as [number | null];
    return { output, failed: !ended && code !== 0 };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', end);
  }
}
