import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { THOROUGH } from '../../support/thorough.js';
import { CoordinatorService } from 'nestjs-coordination';
import { eventually } from '../../support/eventually.js';
import { forkFixture, type FixtureProcess } from '../../support/processes.js';
import { RecordedLog } from '../../support/recorded-log.js';
import { freePort } from '../../support/redis-ports.js';
import { RedisServer } from '../../support/redis-server.js';
import { cleanUp, FOR_MANY_PROCESSES, ONE_OF_EACH_KIND } from './backends.js';
import { Load } from './load.js';

const CLIENTS = 48;
const PATHS = ['work/0', 'work/1', 'by-hand/2', 'by-hand/3'];
/** What a busy machine may add to a figure that is promised, ms. */
const SLACK = 15_000;

const processes: FixtureProcess[] = [];
const loads: Load[] = [];

afterEach(async () => {
  await Promise.all(processes.splice(0).map((process) => process.kill()));
  await Promise.all(loads.splice(0).map((load) => load.end()));
});
afterAll(cleanUp);

async function fork(env: Record<string, string>): Promise<FixtureProcess> {
  const process = await forkFixture(new URL('./fixtures/loaded-app.fixture.ts', import.meta.url), { env });
  processes.push(process);
  return process;
}

function hasUrl(message: unknown): message is { url: string } {
  return typeof message === 'object' && message !== null && 'url' in message;
}

async function appUnderLoad(env: Record<string, string>, paths: readonly string[]) {
  const process = await fork(env);
  const { url } = await process.receive(hasUrl);
  const load = new Load(url, CLIENTS, paths);
  loads.push(load);
  await eventually(() => load.count(200) > CLIENTS);
  return { process, load };
}

function linesOf(process: FixtureProcess, text: string): number {
  return process.output.split('\n').filter((line) => line.includes(text)).length;
}

describe('SIGTERM under load', () => {
  const STOP_TIMEOUT = 2000;

  it.each(Object.entries(FOR_MANY_PROCESSES))(
    'drains, releases and leaves nothing behind on %s',
    async (_name, begin) => {
      RecordedLog.install();
      const backendUrl = await begin();
      // Somebody else has it all the time: who waits for it has to be refused.
      const other = new CoordinatorService({ backendUrl });
      await other.start();
      const taken = other.getLock('work-taken');
      expect(await taken.acquire(false)).toBe(true);
      const { process, load } = await appUnderLoad(
        { COORDINATION_BACKEND_URL: backendUrl, COORDINATION_STOP_TIMEOUT: String(STOP_TIMEOUT) },
        [...PATHS, 'work/taken'],
      );
      load.take();

      const begun = performance.now();
      const exit = await process.kill('SIGTERM');
      expect(performance.now() - begun).toBeLessThan(STOP_TIMEOUT + SLACK);
      // As it ends without any hooks.
      expect(exit).toEqual({ code: null, signal: 'SIGTERM' });
      const { statuses } = await load.end();
      expect([...statuses.keys()].filter((status) => status !== 200 && status !== 503)).toEqual([]);
      expect(statuses.get(200)).toBeGreaterThan(0);
      expect(statuses.get(503)).toBeGreaterThan(0);
      for (const complaint of ['lost its lease', 'not confirmed', 'not withdrawn', 'ERROR', 'Unhandled']) {
        expect(linesOf(process, complaint), complaint).toBe(0);
      }
      expect(linesOf(process, 'Coordinator stopped')).toBe(1);

      // Its leases would last for ten seconds.
      for (const name of ['work-0', 'work-1', 'work-2', 'work-3', 'by-hand-2', 'by-hand-3']) {
        const lock = other.getLock(name);
        expect(await lock.acquire(false), name).toBe(true);
        await lock.release();
      }
      expect(await taken.isStillOwner()).toBe(true);
      await taken.release();
      await other.stop();
    },
  );

  it.each(Object.entries(ONE_OF_EACH_KIND).filter(([name]) => name.includes('Redis')))(
    'leaves no key of a lock or a member in the keyspace of %s',
    async (_name, begin) => {
      const backendUrl = await begin();
      const { process, load } = await appUnderLoad({ COORDINATION_BACKEND_URL: backendUrl }, PATHS);
      await process.kill('SIGTERM');
      await load.end();
      for (const url of backendUrl.split(',')) {
        const keys = await keysAt(url);
        expect(keys.filter((key) => /^coordination:(lock|member):/.test(key))).toEqual([]);
      }
    },
  );

  it('ends an application at once that waits at its start for the back end', async () => {
    const process = await fork({
      COORDINATION_BACKEND_URL: `redis://127.0.0.1:${await freePort()}`,
      COORDINATION_START_TIMEOUT: '600000',
    });
    await eventually(() => linesOf(process, 'cannot start yet and tries again for 600000 ms') > 0);
    const begun = performance.now();
    await process.kill('SIGTERM');
    expect(performance.now() - begun).toBeLessThan(SLACK);
    expect(linesOf(process, 'cannot start yet')).toBe(1);
  });
});

async function keysAt(url: string): Promise<string[]> {
  const { Redis } = await import('ioredis');
  const client = new Redis(url);
  try {
    return await client.keys('*');
  } finally {
    client.disconnect();
  }
}

describe('a back end that goes away under load and comes back', () => {
  const TTL = 2000;
  /** So long that an application under load on a busy machine misses no answer of a server that works, ms. */
  const COMMAND_TIMEOUT = 1500;

  it.each(['is killed and started again', ...(THOROUGH ? ['is stopped in its tracks and goes on'] : [])])(
    'needs no restart, and is told of once, when it %s',
    async (how) => {
      const server = await RedisServer.start();
      const killed = how.startsWith('is killed');
      // The end of the connections tells of one that is killed.
      const commandTimeout = killed ? 8000 : COMMAND_TIMEOUT;
      const { process, load } = await appUnderLoad(
        {
          COORDINATION_BACKEND_URL: `${server.url}?commandTimeout=${commandTimeout}`,
          COORDINATION_TTL: String(TTL),
        },
        PATHS,
      );
      await process.receive((message) => isBackend(message, 'up'));
      load.take();

      if (killed) await server.kill();
      else server.pause();
      const away = performance.now();
      await process.receive((message) => isBackend(message, 'down'));
      // Every client has been refused, some of them again and again.
      await eventually(() => performance.now() - away > 3 * TTL && load.count(503) >= CLIENTS);
      const during = load.take();
      expect([...during.statuses.keys()].filter((status) => ![200, 409, 503].includes(status))).toEqual([]);
      expect(during.unreachable).toBe(0);
      expect(during.longest).toBeLessThan(3 * TTL + SLACK);

      if (killed) await server.restart();
      else server.resume();
      await process.receive((message) => isBackend(message, 'up'));
      await eventually(() => load.count(200) > 2 * CLIENTS);
      load.take();
      // From here on nothing is left of the outage.
      await eventually(() => load.count(200) > 2 * CLIENTS);
      expect(load.count(503)).toBe(0);
      await load.end();
      expect(linesOf(process, 'Back end is down')).toBe(1);
      expect(linesOf(process, 'Back end is up again')).toBe(1);
      expect(linesOf(process, 'ERROR')).toBe(1);

      const exit = await process.kill('SIGTERM');
      expect(exit.signal).toBe('SIGTERM');
      const more = await process
        .receive((message) => isBackend(message, 'up') || isBackend(message, 'down'))
        .then(
          () => true,
          () => false,
        );
      expect(more).toBe(false);
      await server.stop();
    },
  );
});

function isBackend(message: unknown, state: 'up' | 'down'): boolean {
  return typeof message === 'object' && message !== null && 'backend' in message && message.backend === state;
}
