import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.js';
import { postgresBin } from '../../support/postgres-programs.js';
import { PostgresServer, stopAllPostgres } from '../../support/postgres-server.js';
import { THOROUGH } from '../../support/thorough.js';
import { startRedis, stopAllRedis } from '../../support/redis-server.js';
import { buildSampleApp, DemonstrationProcess, isRunning } from './demonstration-process.js';

const CHECKS = 11;
const SHORT = { SAMPLE_SCALE: '0.25' };
/** Enough where what it counts is not looked at. */
const SHORTEST = { SAMPLE_SCALE: '0.02' };

const started: DemonstrationProcess[] = [];

function demonstrate(env: Readonly<Record<string, string>>): DemonstrationProcess {
  const demonstration = new DemonstrationProcess(env);
  started.push(demonstration);
  return demonstration;
}

/** The rows of the comparison, each with what went wrong with locks and without. */
function outcome(output: string): { locked: number; unlocked: number }[] {
  const rows = [...output.matchAll(/(\d+) of \d+ [✓✗]\s+(\d+) of \d+ [✓✗]/g)];
  return rows.map(([, locked, unlocked]) => ({ locked: Number(locked), unlocked: Number(unlocked) }));
}

function expectLocksToHaveHelped(output: string): void {
  const rows = outcome(output);
  expect(
    rows.map(({ locked }) => locked),
    output,
  ).toEqual(Array(CHECKS).fill(0));
  const lost = rows.reduce((sum, { unlocked }) => sum + unlocked, 0);
  expect(lost, output).toBeGreaterThan(0);
  expect(output).toContain('PASSED');
}

describe('the sample application', { timeout: 240_000 }, () => {
  beforeAll(buildSampleApp, 300_000);

  afterEach(async () => {
    for (const demonstration of started.splice(0)) {
      demonstration.kill('SIGKILL');
      await demonstration.exitCode;
      if (demonstration.directory !== '') rmSync(demonstration.directory, { recursive: true, force: true });
    }
  });

  afterAll(() => Promise.all([stopAllRedis(), stopAllPostgres()]));

  it.runIf(THOROUGH && postgresBin() !== undefined)(
    'loses nothing on PostgreSQL, and no charge of a replica that was stopped in its middle',
    async () => {
      const server = await PostgresServer.start();
      const env = { ...SHORTEST, COORDINATION_BACKEND_URL: server.urlOf(), SAMPLE_EXIT: '1' };
      const demonstration = demonstrate(env);
      expect(await demonstration.exitCode, demonstration.output).toBe(0);
      const { output } = demonstration;
      expect(output).toMatch(
        /with assertLockedIn: +[1-9]\d* charges were committed, and 0 of them are lost; \d+ were refused ✓/,
      );
      const [, lost] =
        /without it: +\d+ charges were committed, and (\d+) of them are lost/.exec(output) ?? [];
      expect(Number(lost), output).toBeGreaterThanOrEqual(0);
      expect(output).toContain('PASSED');
      await server.stop();
    },
  );

  it('loses nothing on files in three replicas, shows what is lost without locks, and serves until Ctrl-C', async () => {
    const demonstration = demonstrate(SHORT);
    await demonstration.printed('until Ctrl-C');
    expectLocksToHaveHelped(demonstration.output);
    const { replicas } = demonstration;
    expect(replicas).toHaveLength(3);
    for (const { url } of replicas) expect(await (await fetch(`${url}/shares`)).json()).toHaveLength(4);
    demonstration.pressCtrlC();
    await demonstration.printed('Stopping the replicas');
    // As npm, which passes on what the terminal has sent to everybody.
    demonstration.kill('SIGINT');
    expect(await demonstration.exitCode, demonstration.output).toBe(0);
    expect(replicas.filter(({ pid }) => isRunning(pid))).toEqual([]);
    expect(existsSync(demonstration.directory)).toBe(false);
  });

  it.runIf(THOROUGH)(
    'says that no replica is left when the last one is killed while it serves, and tidies up',
    async () => {
      const demonstration = demonstrate(SHORTEST);
      await demonstration.printed('until Ctrl-C');
      for (const { pid } of demonstration.replicas) process.kill(pid, 'SIGKILL');
      expect(await demonstration.exitCode, demonstration.output).toBe(1);
      expect(demonstration.output).toContain('No replica is left');
      expect(existsSync(demonstration.directory)).toBe(false);
    },
  );

  it.runIf(THOROUGH)('does the same on Redis, told by one variable', async () => {
    const redis = await startRedis();
    const demonstration = demonstrate({
      ...SHORT,
      SAMPLE_EXIT: '1',
      COORDINATION_BACKEND_URL: redis.url,
    });
    const client = redis.client();
    await demonstration.printed(' operations');
    await eventually(async () => (await client.keys('coordination:lock:share-service-*')).length > 0);
    expect(await demonstration.exitCode, demonstration.output).toBe(0);
    expect(demonstration.output).toContain(`1. With locks, on ${redis.url}`);
    expectLocksToHaveHelped(demonstration.output);
  });

  it.runIf(THOROUGH)(
    'goes on without a replica that is killed, and keeps all that was acknowledged',
    async () => {
      const demonstration = demonstrate({ SAMPLE_SCALE: '0.3', SAMPLE_EXIT: '1' });
      await demonstration.printed(' operations');
      process.kill(demonstration.replicas[1]?.pid ?? 0, 'SIGKILL');
      expect(await demonstration.exitCode, demonstration.output).toBe(0);
      expect(demonstration.output).toContain('replica-2 ended (SIGKILL); the others go on');
      expectLocksToHaveHelped(demonstration.output);
    },
  );

  it.runIf(THOROUGH)(
    'is ended by SIGTERM and SIGHUP in the middle of the load, and says so in its exit code',
    async () => {
      const demonstrations = { SIGTERM: demonstrate({}), SIGHUP: demonstrate({}) };
      for (const [signal, demonstration] of Object.entries(demonstrations)) {
        await demonstration.printed(' operations');
        demonstration.kill(signal as NodeJS.Signals);
      }
      expect(await demonstrations.SIGTERM.exitCode).toBe(128 + 15);
      expect(await demonstrations.SIGHUP.exitCode).toBe(128 + 1);
      const replicas = Object.values(demonstrations).flatMap((demonstration) => demonstration.replicas);
      expect(replicas).toHaveLength(6);
      expect(replicas.filter(({ pid }) => isRunning(pid))).toEqual([]);
    },
  );

  it('leaves no replica behind when it is killed itself', async () => {
    const demonstration = demonstrate({});
    await demonstration.printed(' operations');
    demonstration.kill('SIGKILL');
    await demonstration.exitCode;
    const left = (): boolean => demonstration.replicas.some(({ pid }) => isRunning(pid));
    await eventually(() => !left());
  });

  it.runIf(THOROUGH)(
    'ends with code 1 when the locks do not hold, and keeps what somebody has to look at',
    async () => {
      const demonstration = demonstrate({
        ...SHORT,
        COORDINATION_BACKEND_URL: 'memory:',
        COORDINATION_FENCING: 'false',
      });
      expect(await demonstration.exitCode, demonstration.output).toBe(1);
      expect(demonstration.output).toContain('FAILED');
      expect(existsSync(join(demonstration.directory, 'locked', 'replica-1.log'))).toBe(true);
    },
  );

  it('says in one line why its replicas do not start', async () => {
    const demonstration = demonstrate({ COORDINATION_BACKEND_URL: 'gopher://127.0.0.1' });
    expect(await demonstration.exitCode).toBe(1);
    expect(demonstration.output).toMatch(/replica-\d did not start: .*backendUrl.*unknown scheme "gopher:"/);
  });
});
