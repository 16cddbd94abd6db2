import {
  type ArgumentsHost,
  type CanActivate,
  Catch,
  Controller,
  type ExceptionFilter,
  Get,
  Injectable,
  NotFoundException,
  Param,
  Query,
  UseFilters,
  UseGuards,
} from '@nestjs/common';
import { BaseExceptionFilter, HttpAdapterHost } from '@nestjs/core';
import { describe, expect, it } from 'vitest';
import { CoordinationError, LockAcquireFailedError, Synchronized } from 'nestjs-coordination';
import { RedisServer } from '../../support/redis-server.js';
import {
  afterTest,
  ownSpace,
  PLATFORMS,
  type Platform,
  startApp,
  startPeer,
  type TestAppOptions,
} from './fixtures/test-app.js';

const ran: string[] = [];
const missing = new NotFoundException('no such share');

@Injectable()
class Shares {
  @Synchronized('secret-<id>', { blocking: 20 })
  async extend(id: string): Promise<string> {
    ran.push(id);
    return id;
  }
}

@Injectable()
class LockingGuard implements CanActivate {
  constructor(private readonly shares: Shares) {}

  async canActivate(): Promise<boolean> {
    return (await this.shares.extend('7')) === '7';
  }
}

@Controller()
class Routes {
  constructor(private readonly shares: Shares) {}

  @Get('own/:id')
  @Synchronized('secret-<id>', { blocking: 20 })
  async own(@Param('id') id: string): Promise<string> {
    ran.push(id);
    if (id === 'missing') throw new NotFoundException('no such share');
    return id;
  }

  @Get('constant')
  @Synchronized('secret-7', { blocking: 20 })
  async constant(): Promise<string> {
    return 'ran';
  }

  @Get('generator')
  @Synchronized('secret-7', { blocking: 20 })
  async *generator(): AsyncGenerator<string> {
    yield 'ran';
  }

  /** Knows nothing of locks; what it calls does. */
  @Get('inner/:id')
  async inner(@Param('id') id: string): Promise<string> {
    return this.shares.extend(id);
  }

  @Get('guarded')
  @UseGuards(LockingGuard)
  async guarded(): Promise<string> {
    return 'ran';
  }

  @Get('unnamed')
  @Synchronized('secret-<id>')
  async unnamed(@Query('id') id: string): Promise<string> {
    ran.push(id);
    return id;
  }

  @Get('looked-up/:id')
  @Synchronized((id: string) => lookUp(id))
  async lookedUp(@Param('id') id: string): Promise<string> {
    ran.push(id);
    return id;
  }
}

function lookUp(id: string): string {
  if (id === 'missing') throw missing;
  return `secret-${id}`;
}

async function start(platform: Platform, options: Omit<TestAppOptions, 'platform'> = {}) {
  ran.length = 0;
  const backendUrl = ownSpace();
  const started = await startApp({
    platform,
    controllers: [Routes],
    ...options,
    providers: [Shares, ...(options.providers ?? [])],
    coordination: { backendUrl, ...options.coordination },
  });
  const peer = await startPeer({ backendUrl });
  await peer.getLock('secret-7').acquire();
  return started;
}

async function answer(url: string): Promise<{ status: number; retryAfter: string | null; body: string }> {
  const reply = await fetch(url);
  return { status: reply.status, retryAfter: reply.headers.get('retry-after'), body: await reply.text() };
}

describe.each(PLATFORMS)('on %s, a lock that is not to be had', (platform) => {
  it.each(['own/7', 'constant', 'inner/7', 'guarded', 'generator'])(
    'is answered with 423 and Retry-After, and tells no lock name: %s',
    async (path) => {
      const { url, log } = await start(platform);
      const { status, retryAfter, body } = await answer(`${url}/${path}`);
      expect([status, retryAfter]).toEqual([423, '1']);
      expect(JSON.parse(body)).toEqual({ statusCode: 423, message: 'Locked', code: 'LOCKED' });
      expect(ran).toEqual([]);
      expect(log.of('error')).toEqual([]);
    },
  );

  it('goes to the filters of the application first', async () => {
    @Catch(LockAcquireFailedError)
    class Busy implements ExceptionFilter<LockAcquireFailedError> {
      constructor(private readonly host: HttpAdapterHost) {}

      catch(error: LockAcquireFailedError, host: ArgumentsHost): void {
        this.host.httpAdapter.reply(host.switchToHttp().getResponse(), { busy: error.name }, 409);
      }
    }
    const { url } = await start(platform, {
      configure: (app) => void app.useGlobalFilters(new Busy(app.get(HttpAdapterHost))),
    });
    expect(await answer(`${url}/own/7`)).toEqual({
      status: 409,
      retryAfter: '1',
      body: JSON.stringify({ busy: 'LockAcquireFailedError' }),
    });
  });

  it('goes to a filter that catches everything first, which sees an HttpException', async () => {
    const seen: unknown[] = [];
    @Catch()
    class Everything extends BaseExceptionFilter {
      override catch(error: unknown, host: ArgumentsHost): void {
        seen.push(error instanceof CoordinationError && error.getStatus());
        // oxlint-disable-next-line promise/valid-params -- a filter, not a promise
        super.catch(error, host);
      }
    }
    UseFilters(Everything)(Routes);
    try {
      const { url } = await start(platform);
      expect(await answer(`${url}/inner/7`)).toMatchObject({ status: 423, retryAfter: '1' });
      expect(seen).toEqual([423]);
    } finally {
      Reflect.deleteMetadata('__exceptionFilters__', Routes);
    }
  });
});

describe.each(PLATFORMS)('on %s, other errors', (platform) => {
  it('leaves the error of a body as it is', async () => {
    const { url } = await start(platform);
    const { status, body } = await answer(`${url}/own/missing`);
    expect([status, JSON.parse(body)]).toEqual([
      404,
      { statusCode: 404, message: 'no such share', error: 'Not Found' },
    ]);
  });

  it('leaves an HttpException of a key function as it is, and runs nothing', async () => {
    const { app, url } = await start(platform);
    const { status, body } = await answer(`${url}/looked-up/missing`);
    expect([status, JSON.parse(body)]).toEqual([
      404,
      { statusCode: 404, message: 'no such share', error: 'Not Found' },
    ]);
    await expect(app.get(Routes).lookedUp('missing')).rejects.toBe(missing);
    expect(ran).toEqual([]);
  });

  it('answers a name that cannot be made with 500, logs why, and runs nothing', async () => {
    const { url, log } = await start(platform);
    const { status, retryAfter, body } = await answer(`${url}/unnamed`);
    expect([status, retryAfter]).toEqual([500, null]);
    expect(JSON.parse(body)).toEqual({
      statusCode: 500,
      message: 'Internal Server Error',
      code: 'INVALID_LOCK_NAME',
    });
    expect(ran).toEqual([]);
    expect(log.of('error').join()).toMatch(/secret-<id>.*Routes\.unnamed/);
  });

  it('answers 503 with Retry-After while the back end is away', async () => {
    const server = await RedisServer.start();
    afterTest(() => server.stop());
    const { url } = await start(platform, {
      coordination: { backendUrl: `${server.url}?commandTimeout=5000`, ttl: 1500 },
    });
    expect((await answer(`${url}/own/1`)).status).toBe(200);
    await server.stop();
    for (const path of ['own/1', 'inner/1', 'guarded']) {
      const { status, retryAfter, body } = await answer(`${url}/${path}`);
      expect([status, retryAfter]).toEqual([503, '1']);
      expect(JSON.parse(body)).toEqual({
        statusCode: 503,
        message: 'Service Unavailable',
        code: 'BACKEND_UNAVAILABLE',
      });
    }
    expect(ran).toEqual(['1']);
  });
});
