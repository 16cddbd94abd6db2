import { get } from 'node:http';
import {
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  Injectable,
  Param,
  UseGuards,
} from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Synchronized } from 'nestjs-coordination';
import { refusals } from '../../../lib/synchronized/filters/refusals.js';
import { eventually } from '../../support/eventually.js';
import { Gate } from './fixtures/gate.js';
import {
  ownSpace,
  PLATFORMS,
  type Platform,
  someoneWaits,
  startApp,
  startPeer,
} from './fixtures/test-app.js';

let gate: Gate;
const ran: string[] = [];

@Injectable()
class SlowGuard implements CanActivate {
  async canActivate(context: ExecutionContext): Promise<boolean> {
    await gate.pass();
    ran.push('guard');
    return context.getType() === 'http';
  }
}

@Controller()
class Routes {
  @Get('named/:id')
  @Synchronized('share-<id>')
  async named(@Param('id') id: string): Promise<string> {
    ran.push('named');
    return id;
  }

  @Get('constant/:id')
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

  @Get('guarded/:id')
  @UseGuards(SlowGuard)
  @Synchronized('share-<id>')
  async guarded(@Param('id') id: string): Promise<string> {
    ran.push('guarded');
    return id;
  }
}

const unhandled: unknown[] = [];
const onUnhandled = (error: unknown): void => void unhandled.push(error);

beforeEach(() => {
  gate = new Gate();
  ran.length = 0;
  unhandled.length = 0;
  process.on('unhandledRejection', onUnhandled).on('uncaughtException', onUnhandled);
});
afterEach(() => {
  process.off('unhandledRejection', onUnhandled).off('uncaughtException', onUnhandled);
});

async function start(platform: Platform) {
  const backendUrl = ownSpace();
  const started = await startApp({ platform, controllers: [Routes], coordination: { backendUrl } });
  const peer = await startPeer({ backendUrl });
  return { ...started, lock: peer.getLock('share-7') };
}

/** Not by `fetch`, whose agent connects anew after a request that was given up. */
function call(url: string): { leave: () => void; reply: Promise<unknown> } {
  const request = get(url, { agent: false });
  const reply = new Promise((resolve) =>
    request
      .once('response', (response) => resolve(response.resume().statusCode))
      .once('error', () => resolve('left')),
  );
  return { leave: () => request.destroy(), reply };
}

describe.each(PLATFORMS)('on %s, a client that leaves', (platform) => {
  it.each(['named', 'constant'])('gives up its place in the queue: %s', async (route) => {
    const { app, url, coordinator, lock, log } = await start(platform);
    await lock.acquire();
    const firstWaits = someoneWaits(coordinator);
    const first = call(`${url}/${route}/7`);
    await firstWaits;
    const nextWaits = someoneWaits(coordinator);
    const next = call(`${url}/running/7`);
    await nextWaits;
    first.leave();
    expect(await first.reply).toBe('left');
    await eventually(() => connectionsOf(app.getHttpServer()).then((count) => count === 1));
    await lock.release();
    gate.open();
    expect(await next.reply).toBe(200);
    expect(ran).toEqual(['running']);
    expect(log.of('error', 'fatal')).toEqual([]);
    // It was not refused.
    refusals.flush();
    expect(log.of('warn')).toEqual([]);
    expect(unhandled).toEqual([]);
  });

  it('keeps the lock while its body still runs', async () => {
    const { url, lock } = await start(platform);
    const first = call(`${url}/running/7`);
    await gate.reached;
    first.leave();
    expect(await first.reply).toBe('left');
    expect(await lock.acquire(100)).toBe(false);
    gate.open();
    expect(await lock.acquire()).toBe(true);
    expect(ran).toEqual(['running']);
    expect(unhandled).toEqual([]);
  });

  it('takes no lock when it has left before its guards had answered', async () => {
    const { app, url, coordinator, lock } = await start(platform);
    const acquired: string[] = [];
    coordinator.on('lease.acquired', ({ lock: name }) => acquired.push(name));
    const first = call(`${url}/guarded/7`);
    await gate.reached;
    first.leave();
    expect(await first.reply).toBe('left');
    await eventually(() => connectionsOf(app.getHttpServer()).then((count) => count === 0));
    gate.open();
    await eventually(() => ran.includes('guard'));
    expect(await lock.acquire()).toBe(true);
    expect(ran).toEqual(['guard']);
    expect(acquired).toEqual([]);
    expect(unhandled).toEqual([]);
  });
});

function connectionsOf(server: {
  getConnections(callback: (error: unknown, count: number) => void): void;
}): Promise<number> {
  return new Promise((resolve) => server.getConnections((_error, count) => resolve(count)));
}
