import {
  Body,
  Controller,
  Get,
  Injectable,
  Param,
  ParseIntPipe,
  type PipeTransform,
  Post,
} from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { currentLease, LockParam, Synchronized } from 'nestjs-coordination';
import { PLATFORMS, startApp } from './fixtures/test-app.js';

class Share {
  constructor(
    readonly id: string,
    readonly host: string,
  ) {}

  get key(): string {
    return `${this.host}-${this.id}`;
  }
}

/** Turns a plain body into an instance, as ValidationPipe does with transform: true. */
@Injectable()
class ShareFromBody implements PipeTransform<{ id: string }, Share> {
  transform({ id }: { id: string }): Share {
    return new Share(id.trim(), 'h1');
  }
}

/** Looks something up, as a pipe that loads an entity does. */
class LoadShare implements PipeTransform<string, Promise<Share>> {
  async transform(id: string): Promise<Share> {
    await new Promise((resolve) => setImmediate(resolve));
    return new Share(id, 'loaded');
  }
}

@Controller()
class ArgumentController {
  @Get('number/:id')
  @Synchronized('number-<id>')
  async number(@Param('id', ParseIntPipe) id: number): Promise<unknown> {
    return { lease: currentLease()?.name, type: typeof id };
  }

  @Post('body')
  @Synchronized('body-<share.key>')
  async body(@Body(ShareFromBody) share: Share): Promise<unknown> {
    return { lease: currentLease()?.name, type: share.constructor.name };
  }

  @Get('loaded/:id')
  @Synchronized((share: Share) => `loaded-${share.key}`)
  async loaded(@Param('id', LoadShare) share: Share): Promise<unknown> {
    return { lease: currentLease()?.name, type: share.constructor.name };
  }

  @Get('named/:id')
  @Synchronized('<className>-<what>')
  async named(@Param('id') @LockParam('what') id: string): Promise<unknown> {
    return { lease: currentLease()?.name, type: typeof id };
  }
}

describe.each(PLATFORMS)('the lock name of a route on %s', (platform) => {
  it.each([
    ['number/007', { lease: 'number-7', type: 'number' }],
    ['loaded/5', { lease: 'loaded-loaded-5', type: 'Share' }],
    ['named/x', { lease: 'ArgumentController-x', type: 'string' }],
  ])('is made of what the method receives: GET %s', async (path, expected) => {
    const { url } = await startApp({ platform, controllers: [ArgumentController] });
    expect(await (await fetch(`${url}/${path}`)).json()).toEqual(expected);
  });

  it('is made of the instance that a pipe made of a body', async () => {
    const { url } = await startApp({ platform, controllers: [ArgumentController] });
    const reply = await fetch(`${url}/body`, {
      method: 'POST',
      body: JSON.stringify({ id: ' 9 ' }),
      headers: { 'content-type': 'application/json' },
    });
    expect(await reply.json()).toEqual({ lease: 'body-h1-9', type: 'Share' });
  });

  it('is made of a body that a global pipe transformed', async () => {
    const upper: PipeTransform = {
      transform: (value: unknown) => (typeof value === 'string' ? value.toUpperCase() : value),
    };
    const { url } = await startApp({
      platform,
      controllers: [ArgumentController],
      configure: (app) => void app.useGlobalPipes(upper),
    });
    expect(await (await fetch(`${url}/named/x`)).json()).toMatchObject({ lease: 'ArgumentController-X' });
  });

  it('is never asked for when a pipe refuses the value', async () => {
    const { url, coordinator } = await startApp({ platform, controllers: [ArgumentController] });
    const acquired: string[] = [];
    coordinator.on('lease.acquired', ({ lock }) => acquired.push(lock));
    expect((await fetch(`${url}/number/seven`)).status).toBe(400);
    expect(acquired).toEqual([]);
  });
});
