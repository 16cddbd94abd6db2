import {
  type CallHandler,
  Controller,
  type ExecutionContext,
  Get,
  type INestApplication,
  Inject,
  Module,
  type ModuleMetadata,
  type NestInterceptor,
  Param,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { CoordinationModule, Synchronized } from 'nestjs-coordination';
import type { Observable } from 'rxjs';
import { lockKind, type Locks, type Place } from '../locks/index.js';
import type { AppTerms, Protection } from './terms.js';

export interface RunningApp {
  readonly port: number;
  readonly close: () => Promise<unknown>;
}

const LOCKS = Symbol('locks');

@Controller()
class PlainRoutes {
  @Get('plain/:id')
  async plain(@Param('id') id: string): Promise<{ id: string }> {
    return { id };
  }
}

@Controller()
class DecoratedRoutes {
  @Get('decorated/:id')
  @Synchronized('share-<id>')
  async decorated(@Param('id') id: string): Promise<{ id: string }> {
    return { id };
  }
}

@Controller()
class RoutesByHand {
  constructor(@Inject(LOCKS) private readonly locks: Locks) {}

  @Get('by-hand/:id')
  async byHand(@Param('id') id: string): Promise<{ id: string }> {
    const lock = this.locks.lock(`share-${id}`);
    await lock.acquire();
    try {
      return { id };
    } finally {
      await lock.release();
    }
  }
}

/** The least that an interceptor of an application costs. */
class IdleInterceptor implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle();
  }
}

/** Listens on 127.0.0.1, on a port that the system chooses. */
export async function startApp({ platform, protection, place }: AppTerms): Promise<RunningApp> {
  const locks = protection.kind === 'by hand' ? await lockKind(protection.lock).open(place) : undefined;
  class AppModule {}
  Module(metadataOf(protection, place, locks))(AppModule);
  const adapter = platform === 'express' ? new ExpressAdapter() : new FastifyAdapter();
  const app: INestApplication = await NestFactory.create(AppModule, adapter, { logger: ['error', 'fatal'] });
  if (protection.kind === 'interceptor') app.useGlobalInterceptors(new IdleInterceptor());
  await app.listen(0, '127.0.0.1');
  // Clients rest for longer than its default of five seconds while the others are measured.
  Object.assign(app.getHttpServer(), { keepAliveTimeout: 0 });
  return {
    port: Number(new URL(await app.getUrl()).port),
    close: () => Promise.all([app.close(), locks?.close()]),
  };
}

function metadataOf({ kind }: Protection, place: Place, locks: Locks | undefined): ModuleMetadata {
  if (kind === 'nothing' || kind === 'interceptor') return { controllers: [PlainRoutes] };
  if (locks)
    return { controllers: [PlainRoutes, RoutesByHand], providers: [{ provide: LOCKS, useValue: locks }] };
  const { backendUrl, ttl } = place;
  return {
    imports: [CoordinationModule.forRoot({ backendUrl, ttl, stopTimeout: 500 })],
    controllers: [PlainRoutes, DecoratedRoutes],
  };
}
