import {
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  Injectable,
  Param,
  Res,
  StreamableFile,
  UseGuards,
} from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import { connect as connectHttp2, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import { connect, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { Observable } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Synchronized } from 'nestjs-coordination';
import { eventually } from '../../support/eventually.js';
import { Gate } from './fixtures/gate.js';
import {
  afterTest,
  ownSpace,
  type Platform,
  someoneWaits,
  startApp,
  startPeer,
  type TestApp,
} from './fixtures/test-app.js';

let gate: Gate;
/** What the first of two pipelined requests waits at. */
let slow: Gate;
const ran: string[] = [];
const warnings: string[] = [];
const onWarning = (warning: Error): void => void warnings.push(String(warning));

beforeEach(() => {
  gate = new Gate();
  slow = new Gate();
  ran.length = warnings.length = 0;
  process.on('warning', onWarning);
});
afterEach(() => {
  slow.open();
  gate.open();
  process.off('warning', onWarning);
});

@Injectable()
class SlowGuard implements CanActivate {
  async canActivate(context: ExecutionContext): Promise<boolean> {
    await gate.pass();
    ran.push('guard');
    return context.getType() === 'http';
  }
}

/** Nothing of it comes until somebody reads, and then it never ends. */
function endless(): Readable {
  return Readable.from(
    (async function* () {
      for (;;) {
        yield 'x';
        await new Promise((resolve) => setImmediate(resolve));
      }
    })(),
    { objectMode: false },
  );
}

@Controller()
class Routes {
  @Get('slow')
  async slow(): Promise<string> {
    await slow.pass();
    return 'slow';
  }

  @Get('guarded')
  @UseGuards(SlowGuard)
  @Synchronized('x')
  async guarded(): Promise<void> {
    ran.push('body');
  }

  @Get('plain')
  @Synchronized('x')
  async plain(): Promise<void> {
    ran.push('body');
  }

  @Get('body/:kind')
  @Synchronized('x')
  async body(@Param('kind') kind: string): Promise<unknown> {
    ran.push('body');
    await gate.pass();
    switch (kind) {
      case 'promise':
        return 'done';
      case 'file':
        return new StreamableFile(endless());
      case 'web':
        return Readable.toWeb(endless());
      case 'response':
        return new Response(Readable.toWeb(endless()) as ReadableStream<Uint8Array>);
      case 'iterable':
        return endless()[Symbol.asyncIterator]();
      default:
        return new Observable(() => undefined);
    }
  }

  @Get('raw')
  @Synchronized('x')
  async raw(@Res() response: ServerResponse & { raw?: ServerResponse }): Promise<void> {
    ran.push('body');
    await gate.pass();
    endless().pipe(response.raw ?? response);
  }

  @Get('generator')
  @Synchronized('x')
  async *generator(): AsyncGenerator<string> {
    ran.push('body');
    await gate.pass();
    for (;;) {
      yield 'x';
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

/** A request, and how its client leaves; resolves when the server has noticed. */
interface Line {
  leave(): Promise<void>;
}

interface Way {
  readonly platform: Platform;
  readonly open: (started: TestApp, path: string) => Promise<Line>;
}

/** The second of two requests in one write: what is sent for it waits until the first one is answered. */
async function pipelined({ app, url }: TestApp, path: string): Promise<Line> {
  const { port, hostname } = new URL(url);
  const accepted: Promise<Socket[]> = once(app.getHttpServer() as Server, 'connection') as Promise<Socket[]>;
  const socket = connect(Number(port), hostname);
  const request = (target: string): string => `GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`;
  socket.write(request('/slow') + request(path));
  const [ours] = await accepted;
  await slow.reached;
  return {
    leave: async () => {
      const closed = once(ours!, 'close');
      socket.destroy();
      await closed;
    },
  };
}

const overHttp2 =
  (how: 'reset' | 'session') =>
  async ({ app, url }: TestApp, path: string): Promise<Line> => {
    const accepted = once(app.getHttpServer() as Http2Server, 'stream') as Promise<ServerHttp2Stream[]>;
    const session = connectHttp2(url);
    afterTest(async () => session.destroy());
    const stream = session.request({ ':path': path });
    stream.on('error', () => undefined).resume();
    const [ours] = await accepted;
    return {
      leave: async () => {
        if (how === 'reset') stream.close(8);
        else session.destroy();
        await eventually(() => ours!.closed || ours!.destroyed);
      },
    };
  };

const WAYS: [string, Way][] = [
  ['whose request is pipelined, on express', { platform: 'express', open: pipelined }],
  ['whose request is pipelined, on fastify', { platform: 'fastify', open: pipelined }],
  ['that resets its stream of HTTP/2', { platform: 'fastify over HTTP/2', open: overHttp2('reset') }],
  ['that ends its session of HTTP/2', { platform: 'fastify over HTTP/2', open: overHttp2('session') }],
];

async function start(platform: Platform) {
  const backendUrl = ownSpace();
  const started = await startApp({ platform, controllers: [Routes], coordination: { backendUrl } });
  const peer = await startPeer({ backendUrl });
  return { ...started, lock: peer.getLock('x') };
}

describe.each(WAYS)('a client %s', (_which, { platform, open }) => {
  it.each([
    'body/promise',
    'body/file',
    'body/web',
    'body/response',
    'body/iterable',
    'body/observable',
    'raw',
    'generator',
  ])('leaves no lock behind when it leaves while the body runs: %s', async (path) => {
    const started = await start(platform);
    const line = await open(started, `/${path}`);
    await gate.reached;
    await line.leave();
    expect(await started.lock.acquire(false)).toBe(false);
    gate.open();
    expect(await started.lock.acquire(20_000)).toBe(true);
    expect(warnings).toEqual([]);
  });

  it.each(['plain', 'generator'])('gives up its place when it leaves: %s', async (path) => {
    const started = await start(platform);
    const { coordinator, lock } = started;
    await lock.acquire();
    const waits = someoneWaits(coordinator);
    const line = await open(started, `/${path}`);
    await waits;
    await line.leave();
    await lock.release();
    await coordinator.using('x', () => undefined);
    expect(ran).toEqual([]);
  });

  it('takes no lock when it has left before its guards had answered', async () => {
    const started = await start(platform);
    const acquired: string[] = [];
    started.coordinator.on('lease.acquired', ({ lock }) => acquired.push(lock));
    const line = await open(started, '/guarded');
    await gate.reached;
    await line.leave();
    gate.open();
    await eventually(() => ran.includes('guard'));
    expect(await started.lock.acquire()).toBe(true);
    expect(ran).toEqual(['guard']);
    expect(acquired).toEqual([]);
  });
});

describe('a download over HTTP/2 whose lease is lost', () => {
  it.each(['body/file', 'body/web', 'body/iterable', 'raw', 'generator'])(
    'looks broken to the client: %s',
    async (path) => {
      const { url, lock } = await start('fastify over HTTP/2');
      gate.open();
      const session = connectHttp2(url);
      afterTest(async () => session.destroy());
      const stream = session.request({ ':path': `/${path}` });
      const ended = new Promise((resolve) =>
        stream.once('error', resolve).once('end', () => resolve('complete')),
      );
      await once(stream, 'data');
      stream.resume();
      await lock.break();
      expect(await ended).toMatchObject({ code: 'ERR_HTTP2_STREAM_ERROR' });
    },
  );
});

describe('a connection that is kept open', () => {
  it.each(['express', 'fastify'] as const)('collects no listeners on %s', async (platform) => {
    const { app, url } = await start(platform);
    const accepted = once(app.getHttpServer() as Server, 'connection') as Promise<Socket[]>;
    const { port, hostname } = new URL(url);
    const socket = connect(Number(port), hostname);
    afterTest(async () => void socket.destroy());
    let answers = 0;
    socket
      .setEncoding('utf8')
      .on('data', (text: string) => (answers += text.split('HTTP/1.1 200').length - 1));
    const ask = (path: string, count: number): void =>
      void socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(count));
    ask('/plain', 1);
    const [ours] = await accepted;
    await eventually(() => answers === 1);
    const listeners = (): number => ours!.listenerCount('close') + ours!.listenerCount('error');
    await eventually(() => listeners() < 10);
    const before = listeners();
    ask('/plain', 40);
    await eventually(() => answers === 41);
    await eventually(() => listeners() === before);
    expect(warnings).toEqual([]);
  });
});
