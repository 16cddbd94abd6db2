import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CoordinatorService } from 'nestjs-coordination';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GUARD } from '../../../lib/cli/guard.js';
import { breakAnswered } from '../../support/break-answered.js';
import { eventually } from '../../support/eventually.js';
import { Tool } from '../../support/tool.js';

/** Runs a program that may signal nobody but its own user. */
const WITHOUT_KILL = ['setpriv', '--bounding-set=-kill', '--inh-caps=-kill', '--'];
const AS_NOBODY = ['setpriv', '--reuid', '65534', '--clear-groups', '--'];

/** A command of another user, as sudo makes it, that tells its process and then stays. */
const STAY = [
  ...AS_NOBODY,
  process.execPath,
  '-e',
  'setInterval(() => 0, 1000); console.log(process.pid, "stays")',
];

const REFUSED = /runs as another user/;

/** Only root can make a command that it may not signal then. */
function canChangeUser(): boolean {
  if (process.getuid?.() !== 0) return false;
  try {
    const [program, ...args] = [...WITHOUT_KILL, ...AS_NOBODY, 'true'];
    execFileSync(program, args);
    return true;
  } catch {
    // No setpriv, or a container that may not change users.
    return false;
  }
}

describe.runIf(canChangeUser())('a command that the tool may not signal', { timeout: 180_000 }, () => {
  let url = '';
  let coordinator: CoordinatorService;
  let tool: Tool | undefined;
  let command: number | undefined;

  beforeEach(async () => {
    url = `file://${await mkdtemp(join(tmpdir(), 'cli-user-'))}`;
    coordinator = new CoordinatorService({ backendUrl: url, stopTimeout: 500 });
    await coordinator.start();
  });
  afterEach(async () => {
    if (command !== undefined) end(command);
    await tool?.kill();
    await coordinator.stop();
    await rm(url.slice('file://'.length), { recursive: true, force: true });
  });

  async function start(): Promise<Tool> {
    tool = await Tool.start(
      ['lock', 'serve', '--url', url, '--grace', '200', '--', ...STAY],
      {},
      WITHOUT_KILL,
    );
    await tool.says('stays');
    command = Number.parseInt(tool.stdout, 10);
    return tool;
  }

  it('keeps its lock, and the tool says once that it waits for its end', async () => {
    const started = await start();
    started.child.kill('SIGTERM');
    started.child.kill('SIGINT');
    await eventually(() => REFUSED.test(started.stderr) || started.child.exitCode !== null);
    expect(await coordinator.getLock('serve').acquire(false)).toBe(false);
    end(command);
    expect(await started.exited).toBe(128 + 9);
    expect(started.stderr.split(REFUSED)).toHaveLength(2);
    expect(await coordinator.getLock('serve').acquire(10_000)).toBe(true);
  });

  it('is waited for when the lease is lost, and the exit code says that', async () => {
    const started = await start();
    await eventually(() => breakAnswered(() => coordinator.inspect.break('serve', { reason: 'make room' })));
    await eventually(() => REFUSED.test(started.stderr) || started.child.exitCode !== null);
    end(command);
    expect(await started.exited).toBe(79);
    expect(started.stderr).toContain('ending the command');
  });

  it('does not bring the guard down', async () => {
    const script = await Tool.prepare();
    const [program, ...args] = [...AS_NOBODY, 'sleep', '60'];
    const other = spawn(program, args, { detached: true });
    await once(other, 'spawn');
    command = other.pid;
    // Until it is nobody's.
    await eventually(() => isOf(other.pid, '65534'));
    const [runner, ...rest] = [...WITHOUT_KILL, process.execPath, script, GUARD, '100', '100'];
    const guard = spawn(runner, rest, { stdio: ['pipe', 'ignore', 'pipe'] });
    guard.stdin.write(`${JSON.stringify({ is: 'running', group: other.pid })}\n`);
    guard.stdin.end(`${JSON.stringify({ is: 'held', ms: 5000 })}\n`);
    const [code] = (await once(guard, 'close')) as [number];
    expect(code).toBe(0);
  });
});

function isOf(pid: number | undefined, user: string): boolean {
  return (
    execFileSync('ps', ['-o', 'ruid=', '-p', String(pid)])
      .toString()
      .trim() === user
  );
}

/** This process may. */
function end(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}
