import { NestFactory } from '@nestjs/core';
import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { CoordinationModule, CoordinatorService, type CoordinationOptions } from 'nestjs-coordination';
import { coordinationConfig } from 'nestjs-coordination/config';
import { RedisDriver } from '../../../lib/drivers/redis/index.js';
import { recordingContext } from '../../support/driver-suite.js';
import { RecordedLog } from '../../support/recorded-log.js';
import { type RedisServer, startRedis, stopAllRedis } from '../../support/redis-server.js';

afterAll(stopAllRedis);
afterEach(() => vi.unstubAllEnvs());

async function locks(options: CoordinationOptions): Promise<boolean> {
  const coordinator = new CoordinatorService(options);
  await coordinator.start();
  try {
    return await coordinator.using('share', { blocking: false }, () => true);
  } finally {
    await coordinator.stop();
  }
}

describe('quarantine: false', () => {
  const WAYS: [string, (server: RedisServer) => CoordinationOptions][] = [
    [
      'beside ioredis options',
      ({ url }) => ({ backendUrl: url, redis: { quarantine: false, options: { connectionName: 'app' } } }),
    ],
    ['without any', ({ url }) => ({ backendUrl: url, redis: { quarantine: false } })],
    ['beside ready clients', (server) => ({ redis: { clients: [server.client()], quarantine: false } })],
    ['beside one ready client', (server) => ({ redis: { clients: server.client(), quarantine: false } })],
    ['in the URL', ({ url }) => ({ backendUrl: `${url}?quarantine=false` })],
    [
      'by its variable',
      ({ url }) => {
        vi.stubEnv('COORDINATION_REDIS_QUARANTINE', 'false');
        return { ...coordinationConfig(), backendUrl: url };
      },
    ],
  ];

  it.each(WAYS)(
    '%s grants at once on a new server, and after FLUSHALL, to who gives it alone',
    async (_way, options) => {
      const server = await startRedis({ fresh: true });
      expect(await locks(options(server))).toBe(true);
      await server.client().flushall();
      expect(await locks(options(server))).toBe(true);
      await expect(locks({ backendUrl: server.url })).rejects.toThrow(/grants nothing for another/);
    },
  );

  it('given to forRoot, spares the first call of an application the wait for a new server, and the start its warning', async () => {
    const server = await startRedis({ fresh: true });
    const ttl = 1500;
    const start = async (redis?: { quarantine: boolean }) => {
      const log = RecordedLog.install();
      const module = CoordinationModule.forRoot({ backendUrl: server.url, ttl, ...(redis && { redis }) });
      const app = await NestFactory.createApplicationContext(module, { logger: log });
      const warnings = log.of('warn').filter((line) => line.includes('quarantine'));
      return { app, coordinator: app.get(CoordinatorService), warnings };
    };
    const without = await start({ quarantine: false });
    expect(without.warnings).toEqual([]);
    expect(await without.coordinator.using('share', { blocking: false }, () => true)).toBe(true);
    await without.app.close();
    const flushed = performance.now();
    await server.client().flushall();
    const usual = await start();
    expect(usual.warnings).toEqual([expect.stringContaining('redis: { quarantine: false } grants at once')]);
    expect(await usual.coordinator.using('share', () => true)).toBe(true);
    expect(performance.now() - flushed).toBeGreaterThan(ttl - 100);
    await usual.app.close();
  });

  it('is named in the documentation, with where it is allowed', async () => {
    const page = async (name: string) => (await readFile(`docs/${name}.md`, 'utf8')).replaceAll(/\s+/g, ' ');
    expect(await page('redis')).toMatch(
      /For development, CI and testcontainers give `redis: \{ quarantine: false \}`.*`COORDINATION_REDIS_QUARANTINE=false` does the same/,
    );
    expect(await page('configuration')).toMatch(
      /`quarantine` \| `COORDINATION_REDIS_QUARANTINE` .*For tests and development/,
    );
  });

  it('is no option of another back end, and a variable for Redis does not disturb it', async () => {
    expect(await locks({ backendUrl: 'memory:', redis: { quarantine: false } })).toBe(true);
  });

  it('is named in the warning of a node that grants nothing, and warned of in production', async () => {
    const server = await startRedis({ fresh: true });
    const context = recordingContext();
    const driver = new RedisDriver([server.client()], { ttl: 10_000 }, context);
    await driver.start();
    expect(context.warnings).toEqual([
      expect.stringMatching(/grants no lock for \d+ ms.*redis: \{ quarantine: false \}/),
    ]);
    await driver.stop();
    vi.stubEnv('NODE_ENV', 'production');
    const other = recordingContext();
    const unsafe = new RedisDriver([server.client()], { ttl: 10_000, quarantine: false }, other);
    await unsafe.start();
    expect(other.warnings).toEqual([
      expect.stringMatching(/redis.quarantine is false and NODE_ENV is "production"/),
    ]);
    await unsafe.stop();
  });

  it('has to be true or false', () => {
    const redis = { quarantine: 'no' as unknown as boolean };
    expect(() => new CoordinatorService({ backendUrl: 'redis://127.0.0.1', redis })).toThrow(
      /redis.quarantine \(COORDINATION_REDIS_QUARANTINE\) must be true or false/,
    );
  });
});
