import { Injectable, Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { CoordinationModule, CoordinatorService, Synchronized } from 'nestjs-coordination';

/** Short enough to be seen running out, ms. */
const TTL = 1000;

@Injectable()
class ShareService {
  @Synchronized('<share.id>')
  async extend(share: { readonly id: string }): Promise<void> {
    await nextTurn();
  }
}

/** A Nest application with one decorated method, and a second coordinator beside it that wants the same locks. */
export interface Application {
  readonly coordinators: readonly CoordinatorService[];
  extend(id: string): Promise<void>;
  stop(): Promise<void>;
}

export async function startApplication(backendUrl: string): Promise<Application> {
  // Lost leases and cut connections are what this is about; their lines are not.
  Logger.overrideLogger(['fatal']);
  class AppModule {}
  Module({
    imports: [CoordinationModule.forRoot({ backendUrl, ttl: TTL })],
    providers: [ShareService],
  })(AppModule);
  const app = await NestFactory.createApplicationContext(AppModule, {
    logger: ['fatal'],
    abortOnError: false,
  });
  const neighbour = await startCoordinator(backendUrl);
  const shares = app.get(ShareService);
  return {
    coordinators: [app.get(CoordinatorService), neighbour],
    extend: (id) => shares.extend({ id }),
    stop: async () => {
      await Promise.all([app.close(), neighbour.stop()]);
    },
  };
}

export async function startCoordinator(backendUrl: string): Promise<CoordinatorService> {
  const coordinator = new CoordinatorService({ backendUrl, ttl: TTL });
  await coordinator.start();
  return coordinator;
}
