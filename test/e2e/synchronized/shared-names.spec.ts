import { Controller, Get, Injectable, type Type } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { CoordinationModule, InvalidOptionsError, Synchronized } from 'nestjs-coordination';
import { boot } from '../../support/boot.js';
import { ownSpace } from './fixtures/test-app.js';

@Injectable()
class Reports {
  @Synchronized('nightly')
  async make(): Promise<void> {}

  @Synchronized('<fName>')
  async refresh(): Promise<void> {}

  @Synchronized('<fName>-<id>')
  async one(id: string): Promise<void> {}
}

@Injectable()
class Bills {
  @Synchronized('nightly')
  async send(): Promise<void> {}

  @Synchronized('<fName>')
  async refresh(): Promise<void> {}

  @Synchronized('<fName>-<id>')
  async one(id: string): Promise<void> {}
}

@Injectable()
class MonthlyReports extends Reports {}

@Injectable()
class YearlyReports extends Reports {
  @Synchronized('nightly')
  override async make(): Promise<void> {}
}

@Injectable()
class Meant {
  @Synchronized('tidy', { shareLock: true })
  async one(): Promise<void> {}

  @Synchronized('tidy', { shareLock: true })
  async two(): Promise<void> {}
}

@Injectable()
class HalfMeant {
  @Synchronized('tidy')
  async three(): Promise<void> {}
}

@Injectable()
class Elsewhere {
  @Synchronized('nightly', { coordinator: 'reports' })
  async make(): Promise<void> {}
}

@Controller()
class Routes {
  @Get()
  @Synchronized('nightly')
  async list(): Promise<void> {}
}

async function warningsOf(providers: Type[], controllers: Type[] = []): Promise<string[]> {
  class Feature {}
  const modules = [
    CoordinationModule.forRoot({ backendUrl: ownSpace() }),
    CoordinationModule.forRoot({ backendUrl: ownSpace(), name: 'reports' }),
    { module: Feature, providers, controllers },
  ];
  const app = await boot(modules);
  await app.close();
  return app.recorded.of('warn');
}

describe('a lock name without arguments', () => {
  it('is warned of when methods of different classes have it, once for all names', async () => {
    expect(await warningsOf([Reports, Bills])).toEqual([
      `Different methods take the same lock, and so exclude each other: "nightly" by Reports.make, Bills.send; "refresh" by Reports.refresh, Bills.refresh; give each a name of its own, for example '<className>-<fName>', or say shareLock: true on each method where this is meant`,
    ]);
  });

  it('is warned of between a provider and a controller', async () => {
    expect(await warningsOf([Bills], [Routes])).toEqual([
      expect.stringContaining('"nightly" by Bills.send, Routes.list; give'),
    ]);
  });

  it('is not warned of where one method has it, inherited, overridden or provided twice', async () => {
    expect(await warningsOf([MonthlyReports, Reports])).toEqual([]);
    expect(await warningsOf([YearlyReports])).toEqual([]);
  });

  it('is not warned of where it is on different coordinators', async () => {
    expect(await warningsOf([Reports, Elsewhere])).toEqual([]);
  });

  it('is not warned of where each method says that it is meant', async () => {
    expect(await warningsOf([Meant])).toEqual([]);
    expect(await warningsOf([Meant, HalfMeant])).toEqual([
      expect.stringContaining('"tidy" by Meant.one, Meant.two, HalfMeant.three'),
    ]);
  });

  it('says true or false of that', () => {
    const decorate = Synchronized('tidy', { shareLock: 'yes' as never });
    expect(() => decorate({}, 'm', { value: async () => {} })).toThrow(InvalidOptionsError);
  });
});
