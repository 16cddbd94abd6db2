import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CoordinatorService, type LockInfo, type MemberInfo } from 'nestjs-coordination';
import { eventually } from './eventually.js';
import { RecordedLog } from './recorded-log.js';
import { Tool } from './tool.js';

export interface CliHarness {
  readonly begin: () => Promise<string>;
  readonly end: () => Promise<void>;
  /** False where a lock has one holder. */
  readonly shares?: boolean;
}

/** A command that says its process and what it knows of its lock, and then stays. */
const STAY = [
  process.execPath,
  '-e',
  `const { COORDINATION_LOCK: lock, COORDINATION_FENCING_TOKEN: token } = process.env;
   setInterval(() => undefined, 1000);
   process.on('SIGUSR2', () => console.log('got SIGUSR2'));
   console.log(JSON.stringify({ pid: process.pid, lock, token }));`,
];

/** What the command line tool shows and does, on whichever back end. */
export function describeCli(backend: string, { begin, end, shares = true }: CliHarness): void {
  // Each run of the tool is a process, and a busy machine takes seconds to start one.
  describe(`the tool on ${backend}`, { timeout: 180_000 }, () => {
    let url = '';
    let prefix = '';
    let count = 0;
    const coordinators: CoordinatorService[] = [];
    const tools: Tool[] = [];

    beforeAll(async () => {
      RecordedLog.install();
      await Tool.prepare();
      url = await begin();
    }, 180_000);
    beforeEach(() => {
      prefix = `cli-${(count += 1)}:`;
    });
    afterEach(async () => {
      await Promise.all(tools.splice(0).map((tool) => tool.kill()));
      await Promise.all(coordinators.splice(0).map((coordinator) => coordinator.stop()));
    });
    afterAll(end);

    async function member(agentId: string): Promise<CoordinatorService> {
      const options = { backendUrl: url, prefix, agentId, ttl: 10_000, heartbeat: 150, stopTimeout: 500 };
      const coordinator = new CoordinatorService(options);
      coordinators.push(coordinator);
      await coordinator.start();
      return coordinator;
    }

    const where = (): string[] => ['--url', url, '--prefix', prefix];
    const run = (...args: string[]) => Tool.run([...where(), ...args]);
    async function start(...args: string[]): Promise<Tool> {
      const tool = await Tool.start([...where(), ...args], { COORDINATION_TTL: '3000' });
      tools.push(tool);
      return tool;
    }
    async function json<T>(...args: string[]): Promise<T> {
      const { stdout, stderr, code } = await run(...args, '--json');
      expect([code, stderr]).toEqual([0, '']);
      return JSON.parse(stdout) as T;
    }

    it('shows locks, members, elections and jobs, as tables and as JSON', async () => {
      const [a, b] = [await member('a'), await member('b')];
      await a.getLock('share-7', { fencing: true }).hold();
      const waiting = b.getLock('share-7').hold();
      waiting.catch(() => undefined);
      await a.getElection('quota').campaign();
      await eventually(async () => {
        const [, lock] = await a.inspect.locks();
        return lock?.waiters.length === 1 && (await b.inspect.members())[0]?.held === 2;
      });
      const { stdout, stderr, code } = await run('locks', 'share');
      expect([code, stderr]).toEqual([0, '']);
      const lines = stdout.trimEnd().split('\n');
      expect(lines[0]).toMatch(/^LOCK +KIND +HOLDER +SINCE +FUNCTION +TOKEN +WAITERS$/);
      expect(lines[1]).toMatch(/^share-7  lock  cli-\d+:a +\d+(ms|s) +- +\d+ +1 \(cli-\d+:b \d+(ms|s)\)$/);
      expect(lines).toHaveLength(2);
      const locks = await json<LockInfo[]>('locks');
      expect(locks.map(({ name, kind }) => [name, kind])).toEqual([
        ['quota', 'election'],
        ['share-7', 'lock'],
      ]);
      // The tool itself is none of them.
      const members = await json<MemberInfo[]>('members');
      expect(members.map(({ agentId, leads, here }) => [agentId, leads, here])).toEqual([
        ['a', ['quota'], false],
        ['b', [], false],
      ]);
      expect((await run('elections')).stdout).toMatch(/^ELECTION .*\nquota +cli-\d+:a +\d+ +\d+(ms|s) +-\n$/);
      expect((await run('jobs')).stdout).toBe('No job has run yet.\n');
    });

    it('breaks a lock, whose holder learns why', async () => {
      const a = await member('a');
      const lease = await a.getLock('stuck').hold();
      await eventually(async () => (await a.inspect.locks()).length === 1);
      const { stdout, code } = await eventually(async () => {
        const ended = await run('break', 'stuck', '--reason', 'replaced by hand');
        // A busy machine may keep the holder from its answer.
        return !ended.stderr.includes('does not answer') && ended;
      });
      expect([code, stdout]).toEqual([0, 'Broke lock "stuck".\n']);
      await eventually(() => lease.signal.aborted);
      await lease.release();
      const again = await run('break', 'stuck', '--reason', 'again');
      expect([again.code, again.stdout]).toEqual([1, 'No member holds lock "stuck".\n']);
    });

    it('says which kind is held under a name that no lock has', async () => {
      const a = await member('a');
      const permit = await a.getSemaphore('export', 2).hold();
      await eventually(async () => (await a.inspect.locks()).length === 1);
      const { stdout, code } = await run('break', 'export', '--reason', 'replaced by hand');
      const hint = 'A semaphore of that name is held: add --kind semaphore.';
      expect([code, stdout]).toEqual([1, `No member holds lock "export". ${hint}\n`]);
      await permit.release();
    });

    it('runs a command under the lock, with its exit code', async () => {
      const inner = `process.stdout.write(process.env.COORDINATION_LOCK + ' ' + Number(process.env.COORDINATION_FENCING_TOKEN > 0)); process.exit(7)`;
      const { code, stdout, stderr } = await run('lock', 'nightly', '--', process.execPath, '-e', inner);
      expect([code, stdout, stderr]).toEqual([7, 'nightly 1', '']);
    });

    it('does not run the command while another one holds the lock, and tells so by its exit code', async () => {
      const a = await member('a');
      const lease = await a.getLock('nightly').hold();
      const once = await run('lock', 'nightly', '--wait', '0', '--', 'echo', 'ran');
      expect([once.code, once.stdout]).toEqual([75, '']);
      expect(once.stderr).toBe(
        'nestjs-coordination: the lock "nightly" was not to be had now; nothing was run\n',
      );
      const patient = await start('lock', 'nightly', '--wait', '30s', '--', 'echo', 'ran');
      await eventually(async () => (await a.inspect.locks())[0]?.waiters.length === 1);
      const [waiter] = (await a.inspect.locks())[0]?.waiters ?? [];
      expect(waiter?.memberId).toMatch(/^cli-\d+:cli-.+-\d+$/);
      await lease.release();
      expect(await patient.exited).toBe(0);
      expect(patient.stdout).toBe('ran\n');
    });

    it('lets as many run as there are permits', async () => {
      const first = await start('lock', 'exports', '-n', '2', '--', ...STAY);
      const second = await start('lock', 'exports', '-n', '2', '--', ...STAY);
      await Promise.all([first.says('"lock":"exports"'), second.says('"lock":"exports"')]);
      const third = await run('lock', 'exports', '-n', '2', '--wait', '0', '--', 'echo', 'ran');
      expect([third.code, third.stdout]).toEqual([75, '']);
    });

    it.runIf(shares)('shares the lock with others that share it', async () => {
      const a = await member('a');
      const lease = await a.getLock('read', { shared: true }).hold();
      const { code, stdout } = await run('lock', 'read', '--shared', '--wait', '0', '--', 'echo', 'ran');
      expect([code, stdout]).toEqual([0, 'ran\n']);
      await lease.release();
    });

    it('passes signals on, and gives the lock back when the command has ended', async () => {
      const a = await member('a');
      const tool = await start('lock', 'serve', '--', ...STAY);
      await tool.says('"lock":"serve"');
      tool.child.kill('SIGUSR2');
      await tool.says('got SIGUSR2');
      expect(await a.getLock('serve').acquire(false)).toBe(false);
      tool.child.kill('SIGTERM');
      expect(await tool.exited).toBe(128 + 15);
      expect(await a.getLock('serve').acquire(false)).toBe(true);
    });

    it('ends the command when the lease is lost, and says so by its exit code', async () => {
      const a = await member('a');
      const tool = await start('lock', 'serve', '--', ...STAY);
      await tool.says('"lock":"serve"');
      expect(await a.inspect.break('serve', { reason: 'make room' })).toBe(true);
      expect(await tool.exited).toBe(79);
      expect(tool.stderr).toContain('ending the command');
      const { pid } = JSON.parse(tool.stdout.split('\n')[0] ?? '') as { pid: number };
      expect(isAlive(pid)).toBe(false);
    });

    it('leaves no command running when it was killed itself', async () => {
      const a = await member('a');
      const tool = await start('lock', 'serve', '--grace', '300', '--', ...STAY);
      await tool.says('"lock":"serve"');
      const { pid } = JSON.parse(tool.stdout.split('\n')[0] ?? '') as { pid: number };
      tool.child.kill('SIGKILL');
      await eventually(() => !isAlive(pid));
      expect(await a.getLock('serve').acquire(10_000)).toBe(true);
    });

    it('tells each change in a line of its own', async () => {
      const a = await member('a');
      const tool = await start('watch', '--every', '100');
      await tool.says(/\+ member cli-\d+:a is alive/);
      const lease = await a.getLock('share-7').hold();
      await tool.says(/\+ lock share-7 held by cli-\d+:a/);
      await lease.release();
      await tool.says(/- lock share-7 no longer held by cli-\d+:a/);
      tool.child.kill('SIGINT');
      expect(await tool.exited).toBe(0);
    });
  });
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    // ESRCH: that is the answer.
    return false;
  }
}
