import {
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  HttpCode,
  Injectable,
  type NestInterceptor,
  type PipeTransform,
  Post,
  Query,
  SetMetadata,
  UseGuards,
  UseInterceptors,
  UsePipes,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { map } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { currentLease, Synchronized } from 'nestjs-coordination';
import { startApp } from './fixtures/test-app.js';

@Injectable()
class Nobody implements CanActivate {
  canActivate(): boolean {
    return false;
  }
}

@Injectable()
class OnlyRole implements CanActivate {
  constructor(private readonly reflector: Reflector) {}

  canActivate(context: ExecutionContext): boolean {
    return this.reflector.get<string>('role', context.getHandler()) === 'admin';
  }
}

class Doubled implements PipeTransform {
  transform(value: unknown): unknown {
    return typeof value === 'string' ? value + value : value;
  }
}

class Wrapped implements NestInterceptor {
  intercept(...[, next]: Parameters<NestInterceptor['intercept']>): ReturnType<NestInterceptor['intercept']> {
    return next.handle().pipe(map((value: unknown) => ({ wrapped: value })));
  }
}

/** Every decorator of Nest once above and once below @Synchronized. */
@Controller()
class OrderController {
  @Synchronized('x')
  @Get('route/above')
  async routeAbove(): Promise<unknown> {
    return currentLease()?.name;
  }

  @Get('route/below')
  @Synchronized('x')
  async routeBelow(): Promise<unknown> {
    return currentLease()?.name;
  }

  @Get('guard/above')
  @Synchronized('x')
  @UseGuards(Nobody)
  async guardAbove(): Promise<void> {}

  @UseGuards(Nobody)
  @Synchronized('x')
  @Get('guard/below')
  async guardBelow(): Promise<void> {}

  @Synchronized('x')
  @UseGuards(OnlyRole)
  @SetMetadata('role', 'admin')
  @Get('metadata/above')
  async metadataAbove(): Promise<unknown> {
    return currentLease()?.name;
  }

  @SetMetadata('role', 'admin')
  @Get('metadata/below')
  @UseGuards(OnlyRole)
  @Synchronized('x')
  async metadataBelow(): Promise<unknown> {
    return currentLease()?.name;
  }

  @Synchronized('x-<q>')
  @UsePipes(Doubled)
  @Get('pipe/above')
  async pipeAbove(@Query('q') q: string): Promise<unknown> {
    return currentLease()?.name;
  }

  @UsePipes(Doubled)
  @Synchronized('x-<q>')
  @Get('pipe/below')
  async pipeBelow(@Query('q') q: string): Promise<unknown> {
    return currentLease()?.name;
  }

  @Synchronized('x')
  @UseInterceptors(Wrapped)
  @HttpCode(202)
  @Post('interceptor/above')
  async interceptorAbove(): Promise<unknown> {
    return currentLease()?.name;
  }

  @UseInterceptors(Wrapped)
  @HttpCode(202)
  @Synchronized('x')
  @Post('interceptor/below')
  async interceptorBelow(): Promise<unknown> {
    return currentLease()?.name;
  }
}

describe.each(['above', 'below'])('@Synchronized %s other decorators', (place) => {
  const start = () => startApp({ controllers: [OrderController] });

  it('leaves the route where it is', async () => {
    const { url } = await start();
    const reply = await fetch(`${url}/route/${place}`);
    expect([reply.status, await reply.text()]).toEqual([200, 'x']);
  });

  it('leaves the guard in force', async () => {
    const { url } = await start();
    expect((await fetch(`${url}/guard/${place}`)).status).toBe(403);
  });

  it('leaves metadata to be read by guards', async () => {
    const { url } = await start();
    const reply = await fetch(`${url}/metadata/${place}`);
    expect([reply.status, await reply.text()]).toEqual([200, 'x']);
  });

  it('leaves the pipes in force', async () => {
    const { url } = await start();
    expect(await (await fetch(`${url}/pipe/${place}?q=ab`)).text()).toBe('x-abab');
  });

  it('leaves interceptors and the status in force', async () => {
    const { url } = await start();
    const reply = await fetch(`${url}/interceptor/${place}`, { method: 'POST' });
    expect([reply.status, await reply.json()]).toEqual([202, { wrapped: 'x' }]);
  });
});
