import { Controller, Get, Next, Param, Res } from '@nestjs/common';
import { IncomingMessage, type RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { Synchronized } from 'nestjs-coordination';
import { Gate } from './fixtures/gate.js';
import { startApp } from './fixtures/test-app.js';

/** What Express gives to a handler, as far as it is used here. */
interface Reply extends ServerResponse {
  status(code: number): Reply;
  send(body: string): unknown;
}

@Controller()
class Routes {
  readonly rest = new Gate();

  @Get('taken/:id')
  @Synchronized('share-<id>')
  async taken(@Param('id') id: string, @Res() response: Reply): Promise<void> {
    response.status(202).send(`ran ${id}`);
  }

  @Get('later/:id')
  @Synchronized('share-<id>')
  async later(@Param('id') id: string, @Res() response: Reply): Promise<void> {
    response.write('first,');
    void this.rest.pass().then(() => response.end(id));
  }

  @Get('next/:id')
  @Synchronized('share-7')
  async next(@Next() next: () => void): Promise<void> {
    next();
  }

  @Get('fetched/:id')
  @Synchronized('share-<id>')
  async fetched(@Param('id') id: string): Promise<Response> {
    return new Response(id);
  }

  @Get('iterable/:id')
  @Synchronized('share-<id>')
  async iterable(@Param('id') id: string): Promise<AsyncIterable<string>> {
    return { [Symbol.asyncIterator]: () => [id].values() as unknown as AsyncIterator<string> };
  }
}

const nothing = (): void => undefined;

/** A socket as serverless-express gives it to a request: it has what Express reads, and no events. */
function lambdaSocket(): Socket {
  return Object.assign(
    {},
    { encrypted: true, readable: false, remoteAddress: '127.0.0.1', end: nothing, destroy: nothing },
  ) as unknown as Socket;
}

/** A response as that of serverless-express: 'finish' is emitted when all is written, and 'close' never. */
class LambdaResponse extends ServerResponse {
  readonly written: string[] = [];
  readonly sent = new Promise((resolve) => this.once('finish', resolve));

  constructor(request: IncomingMessage) {
    super(request);
    this.useChunkedEncodingByDefault = false;
    this.chunkedEncoding = false;
    const write = (data: string | Buffer, encoding: unknown, done?: () => void): boolean => {
      this.written.push(String(data));
      const written = typeof encoding === 'function' ? encoding : done;
      if (typeof written === 'function') written();
      return true;
    };
    this.assignSocket({
      _writableState: {},
      writable: true,
      on: nothing,
      removeListener: nothing,
      destroy: nothing,
      cork: nothing,
      uncork: nothing,
      write,
    } as unknown as Socket);
  }
}

/** Calls the application's function as a platform without a server does. */
async function call(handle: RequestListener, url: string): Promise<LambdaResponse> {
  const request = Object.assign(new IncomingMessage(lambdaSocket()), {
    method: 'GET',
    url,
    headers: {},
    complete: true,
  });
  request._read = () => void request.push(null);
  const response = new LambdaResponse(request);
  response.on('close', () => {
    throw new Error('such a response is never closed');
  });
  handle(request, response);
  return response;
}

describe('a handler whose application is called as a function, as by serverless-express', () => {
  async function start() {
    const { app, coordinator } = await startApp({ controllers: [Routes] });
    const handle = app.getHttpAdapter().getInstance() as RequestListener;
    return {
      handle,
      routes: app.get(Routes),
      lock: coordinator.getLock('share-7', { blocking: 5000 }),
    };
  }

  it.each(['taken', 'next', 'fetched', 'iterable'])(
    'gives its lock back when its answer was sent: %s',
    async (route) => {
      const { handle, lock } = await start();
      const response = await call(handle, `/${route}/7`);
      await response.sent;
      await lock.using(() => undefined);
    },
  );

  it('holds it while the answer is written', async () => {
    const { handle, routes, lock } = await start();
    const response = await call(handle, '/later/7');
    await routes.rest.reached;
    expect(await lock.acquire({ blocking: false })).toBe(false);
    routes.rest.open();
    await response.sent;
    await lock.using(() => undefined);
    expect(response.written.join('')).toContain('first,7');
  });
});
