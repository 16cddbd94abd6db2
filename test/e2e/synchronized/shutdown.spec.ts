import { Controller, Get, Injectable, Param } from '@nestjs/common';
import { beforeEach, describe, expect, it } from 'vitest';
import { BackendUnavailableError, LeaseLostError, Synchronized } from 'nestjs-coordination';
import { Gate } from './fixtures/gate.js';
import { loneRequest } from './fixtures/lone-request.js';
import { ownSpace, PLATFORMS, someoneWaits, startApp, startPeer } from './fixtures/test-app.js';

let gate: Gate;
const ran: string[] = [];
beforeEach(() => {
  gate = new Gate();
  ran.length = 0;
});

@Controller()
@Injectable()
class Routes {
  @Get('quick/:id')
  @Synchronized('share-<id>')
  async quick(@Param('id') id: string): Promise<string> {
    ran.push('quick');
    return id;
  }

  @Get('constant')
  @Synchronized('share-7')
  async constant(): Promise<string> {
    ran.push('constant');
    return 'ran';
  }

  @Get('running/:id')
  @Synchronized('share-<id>')
  async running(@Param('id') id: string): Promise<string> {
    await gate.pass();
    ran.push('running');
    return id;
  }
}

describe.each(PLATFORMS)('on %s, an application that closes', (platform) => {
  async function start(stopTimeout: number) {
    const backendUrl = ownSpace();
    const started = await startApp({
      platform,
      controllers: [Routes],
      coordination: { backendUrl, stopTimeout },
    });
    const peer = await startPeer({ backendUrl });
    return { ...started, lock: peer.getLock('share-7') };
  }

  it('refuses handlers that wait for ever with 503 after its stop time-out', async () => {
    const { app, url, coordinator, lock } = await start(300);
    await lock.acquire();
    const waiting = someoneWaits(coordinator, 2);
    const calls = ['quick/7', 'constant'].map((path) => loneRequest(`${url}/${path}`));
    await waiting;
    const begin = performance.now();
    const closed = app.close();
    for (const call of calls) {
      const reply = await call;
      expect([reply.status, reply.headers['retry-after']]).toEqual([503, '1']);
      expect(JSON.parse(reply.body)).toEqual({
        statusCode: 503,
        message: 'Service Unavailable',
        code: 'BACKEND_UNAVAILABLE',
      });
    }
    await closed;
    expect(performance.now() - begin).toBeGreaterThan(250);
    expect(performance.now() - begin).toBeLessThan(15_000);
    expect(ran).toEqual([]);
    expect(await lock.isStillOwner()).toBe(true);
    expect(coordinator.started).toBe(false);
  });

  it('lets a handler that gets its lock in time answer', async () => {
    const { app, url, coordinator, lock } = await start(30_000);
    await lock.acquire();
    const waiting = someoneWaits(coordinator);
    const call = loneRequest(`${url}/quick/7`);
    await waiting;
    const closed = app.close();
    await lock.release();
    expect((await call).status).toBe(200);
    await closed;
    expect(ran).toEqual(['quick']);
  });

  it('lets bodies end under their locks, however long they take', async () => {
    const { app, url, lock } = await start(50);
    const call = loneRequest(`${url}/running/7`);
    await gate.reached;
    const closed = app.close();
    expect(await lock.acquire(300)).toBe(false);
    gate.open();
    expect((await call).status).toBe(200);
    await closed;
    expect(await lock.acquire(false)).toBe(true);
  });

  it('does not release a lease under a body that outlasts everything', async () => {
    const { app, lock } = await start(50);
    const call = app.get(Routes).running('7');
    const settled = call.then(
      () => 'finished',
      (error: unknown) => error,
    );
    await gate.reached;
    await app.close();
    expect(await lock.acquire(false)).toBe(false);
    gate.open();
    expect(await settled).toBeInstanceOf(LeaseLostError);
    expect(ran).toEqual(['running']);
  });

  it('refuses calls of providers in the same way', async () => {
    const { app, coordinator, lock } = await start(50);
    await lock.acquire();
    const waiting = someoneWaits(coordinator);
    const call = app.get(Routes).quick('7');
    const settled = call.catch((error: unknown) => error);
    await waiting;
    await app.close();
    expect(await settled).toBeInstanceOf(BackendUnavailableError);
  });
});
