import { inspect } from 'node:util';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { CoordinationModule, CoordinatorService } from 'nestjs-coordination';
import { coordinationConfig } from 'nestjs-coordination/config';
import { boot, bootError } from '../../support/boot.js';
import { RecordedLog } from '../../support/recorded-log.js';
import { RedisServer, stopAllRedis } from '../../support/redis-server.js';

const PASSWORD = 's3cret-p4ss';

afterEach(() => vi.unstubAllEnvs());
afterAll(stopAllRedis);

/** @param depth an application refers to itself in so many ways that each level takes several times as long as the one before */
function everythingOf(value: unknown, depth = 10): string {
  const options = { showHidden: true, customInspect: false, maxArrayLength: null, maxStringLength: null };
  return inspect(value, { ...options, depth });
}

/** Finds fault, by name, with whatever shows the password; the texts are too long to be printed. */
function expectNoSecret(shown: Record<string, unknown>): void {
  const leaks = Object.entries(shown).filter(([, text]) => String(text).includes(PASSWORD));
  expect(leaks.map(([what]) => what)).toEqual([]);
}

function shownOf(error: unknown, recorded: RecordedLog): Record<string, unknown> {
  const { message, stack } = error as Error;
  const json = JSON.stringify(error);
  return { message, stack, error: everythingOf(error), json, log: everythingOf(recorded) };
}

async function withServer(use: (server: RedisServer, url: string) => Promise<void>): Promise<void> {
  const server = await RedisServer.start({ password: PASSWORD });
  await use(server, `redis://:${PASSWORD}@127.0.0.1:${server.port}`);
  await server.stop();
}

describe('a password', () => {
  it('is shown by no coordinator, application or log while all is well', async () => {
    await withServer(async (server, url) => {
      vi.stubEnv('COORDINATION_BACKEND_URL', url);
      const ways = {
        url: CoordinationModule.forRoot({ backendUrl: url }),
        list: CoordinationModule.forRoot({ backendUrl: [url] }),
        options: CoordinationModule.forRoot({
          backendUrl: `redis://127.0.0.1:${server.port}`,
          redis: { options: { password: PASSWORD } },
        }),
        factory: CoordinationModule.forRootAsync({ useFactory: async () => ({ backendUrl: url }) }),
        environment: CoordinationModule.forRootAsync(coordinationConfig.asProvider()),
      };
      for (const [way, module] of Object.entries(ways)) {
        const app = await boot([module]);
        const coordinator = app.get(CoordinatorService);
        await coordinator.using('a', () => undefined);
        const lock = coordinator.getLock('b');
        await lock.acquire();
        const shown = {
          coordinator: everythingOf(coordinator),
          json: JSON.stringify(coordinator),
          lock: everythingOf([lock, lock.lease]),
          application: everythingOf(app, 7),
          log: everythingOf(app.recorded),
        };
        await lock.release();
        await app.close();
        expect(shown.application.length, way).toBeGreaterThan(1000);
        expectNoSecret(shown);
      }
    });
  });

  it.each([
    `redis://user:${PASSWORD}@127.0.0.1:1`,
    `redis://:${PASSWORD}@127.0.0.1:1,127.0.0.1:2,127.0.0.1:3`,
    `rediss://user:${PASSWORD}@127.0.0.1:1`,
    `redis+sentinel://:${PASSWORD}@127.0.0.1:1/main?sentinelPassword=${PASSWORD}`,
  ])(
    'is shown by no error and no log when %s cannot be reached',
    { timeout: 120_000 },
    async (backendUrl) => {
      const recorded = RecordedLog.install();
      const coordinator = new CoordinatorService({ backendUrl, ttl: 1000 });
      const error: unknown = await coordinator.start().then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(Error);
      expectNoSecret({ ...shownOf(error, recorded), coordinator: everythingOf(coordinator) });
      const booted = await bootError([CoordinationModule.forRoot({ backendUrl, ttl: 1000 })]);
      expectNoSecret(shownOf(booted, recorded));
    },
  );

  it.each([
    { password: PASSWORD },
    PASSWORD,
    [PASSWORD],
    { options: PASSWORD },
    { options: [PASSWORD] },
    { options: { password: PASSWORD, maxTtl: 5 } },
    { clients: PASSWORD },
    { clients: [{ options: { password: PASSWORD } }] },
  ])('is shown by no complaint about the options of Redis: %j', async (redis) => {
    const module = CoordinationModule.forRoot({ backendUrl: 'memory:', redis: redis as never });
    const error = await bootError([module]);
    expect(error.message).toContain('redis');
    expectNoSecret(shownOf(error, RecordedLog.install()));
  });

  it.each([
    `redis://user:${PASSWORD}@h:99999`,
    `redis://user:${PASSWORD}@h1,h2`,
    `redis:/user:${PASSWORD}@h`,
    `user:${PASSWORD}@h`,
    `rediz://user:${PASSWORD}@h`,
    `redis://user:${PASSWORD}#x@h`,
    `redis://user:pass?${PASSWORD}@h`,
    `redis://h?password=${PASSWORD}`,
    `redis://user:${PASSWORD}/x@h`,
    `redis+cluster://user:${PASSWORD}@h/7/8`,
    [`redis://user:${PASSWORD}@h`, 'memory:'],
    { url: PASSWORD },
  ])('is shown by no complaint about the options: %j', async (backendUrl) => {
    const error = await bootError([CoordinationModule.forRoot({ backendUrl: backendUrl as never })]);
    expectNoSecret(shownOf(error, RecordedLog.install()));
  });
});
