import { Controller, Get, Next, Param, Redirect, Res } from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { Synchronized } from 'nestjs-coordination';
import { Gate } from './fixtures/gate.js';
import { loneRequest } from './fixtures/lone-request.js';
import { ownSpace, PLATFORMS, type Platform, startApp, startPeer } from './fixtures/test-app.js';

/** What Express and Fastify give to a handler, as far as it is used here. */
interface Reply {
  readonly raw?: ServerResponse;
  status(code: number): Reply;
  send(body: string): unknown;
}

const SKIP = { onNotAcquired: 'skip' } as const;

@Controller()
class Routes {
  readonly rest = new Gate();

  @Get('taken/:id')
  @Synchronized('share-<id>', SKIP)
  async taken(@Param('id') id: string, @Res() response: Reply): Promise<void> {
    response.status(202).send(`ran ${id}`);
  }

  @Get('early')
  @Synchronized('share-7', { ...SKIP, beforeInterceptors: true })
  async early(@Res() response: Reply): Promise<void> {
    response.send('ran');
  }

  @Get('next/:id')
  @Synchronized('share-<id>', SKIP)
  async next(@Param('id') id: string, @Next() next: () => void): Promise<void> {
    next();
  }

  @Get('passthrough/:id')
  @Synchronized('share-<id>', SKIP)
  async passthrough(@Param('id') id: string, @Res({ passthrough: true }) response: Reply): Promise<string> {
    response.status(202);
    return `ran ${id}`;
  }

  @Get('redirect/:id')
  @Redirect('/elsewhere')
  @Synchronized('share-<id>', SKIP)
  async redirect(@Param('id') id: string, @Res() response: Reply): Promise<void> {
    response.status(302);
  }

  @Get('refused/:id')
  @Synchronized('share-<id>', { blocking: 20 })
  async refused(@Param('id') id: string, @Res() response: Reply): Promise<void> {
    response.send('ran');
  }

  @Get('piped/:id')
  @Synchronized('share-<id>')
  async piped(@Param('id') id: string, @Res() response: Reply & ServerResponse): Promise<void> {
    Readable.from(this.#parts(), { objectMode: false }).pipe(response.raw ?? response);
  }

  @Get('failing/:id')
  @Synchronized('share-<id>')
  async failing(@Param('id') id: string, @Res() _response: Reply): Promise<void> {
    throw new Error(`${id} is broken`);
  }

  async *#parts(): AsyncGenerator<string> {
    yield 'first,';
    await this.rest.pass();
    yield 'second';
  }
}

async function start(platform: Platform) {
  const backendUrl = ownSpace();
  const started = await startApp({ platform, controllers: [Routes], coordination: { backendUrl } });
  const peer = await startPeer({ backendUrl });
  return { ...started, routes: started.app.get(Routes), lock: peer.getLock('share-7') };
}

async function answerOf(url: string): Promise<[number, string]> {
  const reply = await fetch(url, { redirect: 'manual' });
  return [reply.status, await reply.text()];
}

describe.each(PLATFORMS)('a route on %s that takes its response', (platform) => {
  it.each(['taken/7', 'early', 'next/7'])('is answered with 204 when it is skipped: %s', async (path) => {
    const { url, lock } = await start(platform);
    await lock.acquire();
    expect(await answerOf(`${url}/${path}`)).toEqual([204, '']);
  });

  it('answers by itself when it is not', async () => {
    const { url, lock } = await start(platform);
    expect(await answerOf(`${url}/taken/7`)).toEqual([202, 'ran 7']);
    expect(await lock.acquire()).toBe(true);
  });

  it('is answered by Nest, as if it had returned nothing, where Nest answers for it', async () => {
    const { url, lock } = await start(platform);
    expect(await answerOf(`${url}/passthrough/7`)).toEqual([202, 'ran 7']);
    await lock.acquire();
    expect(await answerOf(`${url}/passthrough/7`)).toEqual([200, '']);
    expect((await answerOf(`${url}/redirect/7`))[0]).toBe(302);
  });

  it('is answered with the error when its lock was not to be had, or its body fails', async () => {
    const { url, lock } = await start(platform);
    expect((await answerOf(`${url}/failing/7`))[0]).toBe(500);
    expect(await lock.acquire()).toBe(true);
    expect((await answerOf(`${url}/refused/7`))[0]).toBe(423);
  });

  it('holds its lock until all of the response has been sent', async () => {
    const { url, lock, routes } = await start(platform);
    const reply = fetch(`${url}/piped/7`);
    await routes.rest.reached;
    expect(await lock.acquire(50)).toBe(false);
    routes.rest.open();
    expect(await (await reply).text()).toBe('first,second');
    expect(await lock.acquire(20_000)).toBe(true);
  });

  it('gives it back when the client leaves half-way', async () => {
    const { url, lock, routes } = await start(platform);
    const leave = new AbortController();
    const reply = fetch(`${url}/piped/7`, { signal: leave.signal }).then((response) => response.text());
    await routes.rest.reached;
    expect(await lock.acquire(false)).toBe(false);
    leave.abort();
    await expect(reply).rejects.toThrow();
    expect(await lock.acquire(20_000)).toBe(true);
    routes.rest.open();
  });

  it('ends the response as broken when the lease is lost meanwhile', async () => {
    const { url, lock, routes } = await start(platform);
    const reply = loneRequest(`${url}/piped/7`);
    await routes.rest.reached;
    await lock.break();
    await expect(reply).rejects.toThrow();
    expect(await lock.acquire(20_000)).toBe(true);
    routes.rest.open();
  });
});
