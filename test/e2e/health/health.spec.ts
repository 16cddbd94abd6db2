import { Controller, Get, Injectable } from '@nestjs/common';
import { HealthCheck, HealthCheckService, HealthIndicatorService, TerminusModule } from '@nestjs/terminus';
import { describe, expect, it } from 'vitest';
import { CoordinatorService } from 'nestjs-coordination';
import { CoordinationHealthIndicator, type CoordinationHealthOptions } from 'nestjs-coordination/health';
import { askWithin } from '../../../lib/health/ask.js';
import { PostgresServer, stopAllPostgres } from '../../support/postgres-server.js';
import { startRedis, startRedisNodes, stopAllRedis } from '../../support/redis-server.js';
import { afterTest, startApp } from '../synchronized/fixtures/test-app.js';

@Injectable()
class HealthOptions {
  now: CoordinationHealthOptions = {};
}

@Controller()
class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly coordination: CoordinationHealthIndicator,
    private readonly options: HealthOptions,
  ) {}

  @Get('health')
  @HealthCheck()
  check() {
    return this.health.check([() => this.coordination.isHealthy('coordination', this.options.now)]);
  }
}

async function start(backendUrl: string, more: { ttl?: number; heartbeat?: number } = {}) {
  const { app, url, coordinator } = await startApp({
    imports: [TerminusModule],
    controllers: [HealthController],
    providers: [CoordinationHealthIndicator, HealthOptions],
    coordination: { backendUrl, ...more },
  });
  const ask = async () => {
    const response = await fetch(`${url}/health`);
    const { details } = (await response.json()) as { details: Record<string, Record<string, unknown>> };
    return { code: response.status, ...details['coordination'] };
  };
  return { app, coordinator, ask, options: app.get(HealthOptions) };
}

describe('the health of a coordinator', () => {
  it('is up in memory, and counts the leases that were lost lately', async () => {
    const { coordinator, ask, options } = await start('memory:health');
    expect(await ask()).toEqual({
      code: 200,
      status: 'up',
      responseTime: expect.any(Number),
      heartbeatAge: expect.any(Number),
      lostLastMinute: 0,
    });
    await using held = await coordinator.getLock('a').hold();
    expect(held.name).toBe('a');
    await coordinator.getLock('a').break();
    expect(await ask()).toMatchObject({ status: 'up', lostLastMinute: 1 });
    options.now = { maxLost: 0 };
    expect(await ask()).toMatchObject({ code: 200, status: 'degraded', message: '1 leases were lost' });
  });

  it('is down when the coordinator has stopped', async () => {
    const { coordinator, ask } = await start('memory:health');
    await coordinator.stop();
    expect(await ask()).toMatchObject({
      code: 503,
      status: 'down',
      message: expect.stringMatching(/not started/),
    });
  });

  it('is down in bounded time when its Redis is away, and up again after that', async () => {
    const server = await startRedis();
    afterTest(stopAllRedis);
    const { ask } = await start(`redis://127.0.0.1:${server.port}`);
    expect(await ask()).toMatchObject({ status: 'up', nodes: { all: 1, up: 1, quorum: 1, down: [] } });
    await server.kill();
    await expect.poll(ask).toMatchObject({ code: 503, status: 'down' });
    const before = performance.now();
    expect(await ask()).toMatchObject({ nodes: { up: 0, down: [`127.0.0.1:${server.port}`] } });
    expect(performance.now() - before).toBeLessThan(5000);
    await server.restart();
    await expect.poll(ask).toMatchObject({ code: 200, status: 'up' });
  });

  it('is degraded without one of three Redis nodes, and down without two', async () => {
    const servers = await startRedisNodes(3);
    afterTest(stopAllRedis);
    const urls = servers.map(({ port }) => `127.0.0.1:${port}`).join(',');
    const { ask, coordinator } = await start(`redis://${urls}`);
    expect(await ask()).toMatchObject({ status: 'up', nodes: { all: 3, up: 3, quorum: 2 } });
    await servers[0]!.kill();
    await expect.poll(ask).toMatchObject({
      code: 200,
      status: 'degraded',
      message: '1 of 3 nodes of the back end are away; 0 more may fail',
      nodes: { up: 2, down: [`127.0.0.1:${servers[0]!.port}`] },
    });
    await coordinator.using('a', () => undefined);
    await servers[1]!.kill();
    await expect.poll(ask).toMatchObject({ code: 503, status: 'down', nodes: { up: 1 } });
  });

  it('is down when the heartbeat is not confirmed for longer than the ttl', async () => {
    const server = await startRedis();
    afterTest(stopAllRedis);
    const { ask } = await start(`redis://127.0.0.1:${server.port}?commandTimeout=5000`, {
      ttl: 1000,
      heartbeat: 200,
    });
    await expect.poll(ask).toMatchObject({ status: 'up' });
    // What writes is refused; what reads is answered.
    await server.client().call('CONFIG', 'SET', 'min-replicas-to-write', '1');
    await expect.poll(ask).toMatchObject({ code: 503, message: expect.stringMatching(/heartbeat is late/) });
    await server.client().call('CONFIG', 'SET', 'min-replicas-to-write', '0');
    await expect.poll(ask).toMatchObject({ code: 200, status: 'up' });
  });

  it('is down when PostgreSQL has stopped', async () => {
    const server = await PostgresServer.start();
    afterTest(stopAllPostgres);
    const { ask } = await start(await server.newDatabase());
    expect(await ask()).toMatchObject({ status: 'up', nodes: { all: 1, up: 1, quorum: 1 } });
    await server.kill();
    await expect.poll(ask).toMatchObject({ code: 503, status: 'down', nodes: { up: 0 } });
  });

  it('is that of the coordinator which the check names', async () => {
    const { ask, options } = await start('memory:health');
    options.now = { coordinator: new CoordinatorService({ backendUrl: 'memory:' }, 'reports') };
    expect(await ask()).toMatchObject({ status: 'down', message: expect.stringMatching(/not started/) });
  });
});

describe('with a Terminus that has no attempts and no "degraded"', () => {
  it('it is up, and says that it is degraded', async () => {
    const coordinator = new CoordinatorService({ backendUrl: 'memory:old' });
    await coordinator.start();
    afterTest(() => coordinator.stop());
    const old = {
      check: (key: string) => ({
        up: (data: object) => ({ [key]: { status: 'up', ...data } }),
        down: (data: object) => ({ [key]: { status: 'down', ...data } }),
      }),
    } as unknown as HealthIndicatorService;
    const indicator = new CoordinationHealthIndicator(old, coordinator);
    expect(await indicator.isHealthy('c')).toMatchObject({ c: { status: 'up', lostLastMinute: 0 } });
    expect(await indicator.isHealthy('c', { maxLost: -1 })).toMatchObject({
      c: { status: 'up', degraded: true },
    });
    await coordinator.stop();
    expect(await indicator.isHealthy('c')).toMatchObject({ c: { status: 'down' } });
  });

  it('a question has its time, and says what went wrong', async () => {
    expect(await askWithin(20, () => new Promise(() => undefined))).toMatchObject({
      message: 'timeout of 20ms exceeded',
    });
    const failing = await askWithin(1000, () => Promise.reject(new Error('nobody answers')));
    expect(failing.message).toBe('nobody answers');
    expect((await askWithin(1000, async () => undefined)).message).toBeUndefined();
  });
});
