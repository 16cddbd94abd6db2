import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Tool } from '../../support/tool.js';

const SLOW_SPAWN = pathToFileURL(join(import.meta.dirname, 'slow-spawn.fixture.mjs')).href;

describe('a signal while the command is being started', { timeout: 180_000 }, () => {
  let directory = '';
  let command: number | undefined;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'cli-early-'));
  });
  afterEach(async () => {
    if (command !== undefined && isAlive(command)) process.kill(command, 'SIGKILL');
    await rm(directory, { recursive: true, force: true });
  });

  it.each(['TERM', 'HUP', 'INT', 'QUIT', 'USR1'])('is passed on to it: SIG%s', async (signal) => {
    const inner = `echo $$; kill -${signal} $PPID; exec sleep 60`;
    const args = ['lock', 'serve', '--url', `file://${directory}`, '--', 'sh', '-c', inner];
    const tool = await Tool.start(args, { NODE_OPTIONS: `--import ${SLOW_SPAWN}` });
    const exited = once(tool.child, 'exit');
    await tool.says('\n');
    command = Number(tool.stdout);
    const [code, by] = (await exited) as [number | null, NodeJS.Signals | null];
    expect(by).toBe(null);
    expect(code).toBeGreaterThan(128);
    expect(isAlive(command)).toBe(false);
  });
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    // ESRCH: that is the answer.
    return false;
  }
}
