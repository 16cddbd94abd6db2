import { type DynamicModule, Global, Injectable, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { CoordinationModule, CoordinatorService, Synchronized } from 'nestjs-coordination';

const ran: string[] = [];

/** As an ORM's module, which migrates its database under a lock. */
@Injectable()
class Migrations {
  constructor(private readonly coordinator: CoordinatorService) {}

  @Synchronized('migrations')
  async migrate(hook: string): Promise<void> {
    ran.push(hook);
  }

  onModuleInit(): Promise<void> {
    return this.migrate('onModuleInit');
  }

  onApplicationBootstrap(): Promise<void> {
    return this.migrate('onApplicationBootstrap');
  }

  onModuleDestroy(): Promise<void> {
    return this.migrate('onModuleDestroy');
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.migrate('beforeApplicationShutdown');
  }

  async onApplicationShutdown(): Promise<void> {
    await this.coordinator.using('migrations', () => ran.push('onApplicationShutdown'));
  }
}

const HOOKS = [
  'onModuleInit',
  'onApplicationBootstrap',
  'onModuleDestroy',
  'beforeApplicationShutdown',
  'onApplicationShutdown',
];

@Global()
@Module({ providers: [Migrations] })
class GlobalDatabase {}

@Module({ providers: [Migrations] })
class LocalDatabase {}

function coordination(isGlobal = true): DynamicModule {
  return CoordinationModule.forRoot({ backendUrl: `memory:${randomUUID()}`, isGlobal });
}

function importing(global: boolean, coordinator: DynamicModule): DynamicModule {
  return { module: class Database {}, global, imports: [coordinator], providers: [Migrations] };
}

async function runApplication(imports: (Type | DynamicModule)[]): Promise<void> {
  ran.length = 0;
  class AppModule {}
  Module({ imports })(AppModule);
  const app = await NestFactory.createApplicationContext(AppModule, { logger: false, abortOnError: false });
  await app.close();
}

describe('the coordinator is there for every hook of every other module', () => {
  it.each<[string, () => (Type | DynamicModule)[]]>([
    ['a global module imported before it', () => [GlobalDatabase, coordination()]],
    ['a global module imported after it', () => [coordination(), GlobalDatabase]],
    ['a module imported before it', () => [LocalDatabase, coordination()]],
    ['a module imported after it', () => [coordination(), LocalDatabase]],
    ['a global module that imports it', () => [importing(true, coordination())]],
    ['a global module that imports one that is not global', () => [importing(true, coordination(false))]],
    ['a module that imports one that is not global', () => [importing(false, coordination(false))]],
  ])('of %s', async (_which, imports) => {
    await runApplication(imports());
    expect(ran).toEqual(HOOKS);
  });

  it('with a second coordinator beside it, which another global module uses', async () => {
    @Injectable()
    class Reports {
      @Synchronized('reports', { coordinator: 'reports' })
      async onModuleInit(): Promise<void> {
        ran.push('reports');
      }
    }
    const named = CoordinationModule.forRoot({ backendUrl: `memory:${randomUUID()}`, name: 'reports' });
    const reports: DynamicModule = { module: class {}, global: true, providers: [Reports] };
    await runApplication([reports, GlobalDatabase, coordination(), named]);
    expect(ran).toEqual(['reports', ...HOOKS]);
  });
});
