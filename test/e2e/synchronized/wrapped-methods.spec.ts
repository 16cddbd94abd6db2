import { Controller, Get, Injectable, Param, Res, StreamableFile, type Type } from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { CoordinationModule, currentLease, Synchronized } from 'nestjs-coordination';
import { boot } from '../../support/boot.js';
import { Gate } from './fixtures/gate.js';
import { ownSpace, PLATFORMS, type Platform, startApp, startPeer } from './fixtures/test-app.js';
import { Timed } from './fixtures/timed.js';

type Call = (this: unknown, ...args: unknown[]) => unknown;

/** One function for all methods. */
const dispatcher: Call = function (name) {
  return Promise.resolve(name);
};

function Dispatched(): MethodDecorator {
  return (_target, _key, descriptor) => {
    descriptor.value = dispatcher as never;
  };
}

@Controller('base')
class Routes {
  readonly rest = new Gate();

  @Get('piped')
  @Timed()
  @Synchronized('share-7')
  async piped(@Res() response: ServerResponse & { raw?: ServerResponse }): Promise<void> {
    this.parts().pipe(response.raw ?? response);
  }

  @Get('file')
  @Timed()
  @Synchronized('share-7')
  async file(): Promise<StreamableFile> {
    return new StreamableFile(this.parts());
  }

  @Get('skipped/:id')
  @Timed()
  @Timed()
  @Synchronized('share-<id>', { onNotAcquired: 'skip' })
  async skipped(@Param('id') id: string, @Res() response: { send(text: string): void }): Promise<void> {
    response.send(id);
  }

  parts(): Readable {
    return Readable.from(this.#parts(), { objectMode: false });
  }

  async *#parts(): AsyncGenerator<string> {
    yield 'first,';
    await this.rest.pass();
    yield 'second';
  }
}

/** Has the handlers of its base, but for one. */
@Controller('heir')
class Heir extends Routes {
  @Get('file')
  @Timed()
  override async file(): Promise<StreamableFile> {
    return new StreamableFile(Readable.from([String(currentLease()?.name)]));
  }
}

@Controller('one')
class One {
  @Get('run')
  @Dispatched()
  @Synchronized('one', { beforeInterceptors: true })
  async run(): Promise<void> {}
}

@Controller('two')
class Two {
  @Get('run')
  @Dispatched()
  async run(): Promise<void> {}
}

async function start(platform: Platform) {
  const backendUrl = ownSpace();
  const started = await startApp({
    platform,
    controllers: [Routes, Heir, One, Two],
    coordination: { backendUrl },
  });
  const peer = await startPeer({ backendUrl });
  return { ...started, peer, lock: peer.getLock('share-7') };
}

describe.each(PLATFORMS)('a handler on %s under a decorator that does not copy metadata', (platform) => {
  it.each(['base/piped', 'heir/piped', 'base/file'])('holds its lock while it answers: %s', async (path) => {
    const { app, url, lock } = await start(platform);
    const { rest } = app.get(path.startsWith('heir') ? Heir : Routes);
    const reply = fetch(`${url}/${path}`);
    await rest.reached;
    expect(await lock.acquire(50)).toBe(false);
    rest.open();
    const { status, text } = await reply.then(async (response) => ({
      status: response.status,
      text: await response.text(),
    }));
    expect([status, text]).toEqual([200, 'first,second']);
    expect(await lock.acquire(20_000)).toBe(true);
  });

  it('is answered when it is skipped', async () => {
    const { url, lock } = await start(platform);
    expect(await (await fetch(`${url}/heir/skipped/7`)).text()).toBe('7');
    await lock.acquire();
    expect((await fetch(`${url}/heir/skipped/7`)).status).toBe(204);
  });

  it('takes no lock where it overrides one that does', async () => {
    const { url, lock } = await start(platform);
    await lock.acquire();
    expect(await (await fetch(`${url}/heir/file`)).text()).toBe('undefined');
  });

  it('takes no lock for another method that has the same function', async () => {
    const { url, peer } = await start(platform);
    await peer.getLock('one').acquire();
    expect((await fetch(`${url}/two/run`)).status).toBe(200);
  });
});

@Injectable()
class Reports {
  @Timed()
  @Synchronized('nightly')
  async make(): Promise<void> {}
}

@Injectable()
class Bills {
  @Timed()
  @Synchronized('nightly')
  async send(): Promise<void> {}
}

function twin(): Type {
  @Injectable()
  class Twin {
    @Timed()
    @Synchronized('<className>-<id>')
    async clean(id: string): Promise<string> {
      return id;
    }
  }
  return Twin;
}

async function warningsOf(providers: Type[]): Promise<string[]> {
  const app = await boot([CoordinationModule.forRoot({ backendUrl: ownSpace() })], providers);
  await app.close();
  return app.recorded.of('warn');
}

describe('the warnings of a start', () => {
  it('know methods under such a decorator by their names', async () => {
    expect(await warningsOf([Reports, Bills])).toEqual([
      expect.stringContaining('"nightly" by Reports.make, Bills.send; give'),
    ]);
  });

  it('know them by the names of their classes', async () => {
    expect(await warningsOf([twin(), twin()])).toEqual([
      expect.stringMatching(/^2 classes are called 'Twin' in lock names \(Twin\.clean, Twin\.clean\)/),
    ]);
  });
});
