import { Controller, Get, Injectable } from '@nestjs/common';
import { firstValueFrom, lastValueFrom, Observable, of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import {
  CoordinationModule,
  InjectCoordinator,
  CoordinatorService,
  currentLease,
  LockAcquireFailedError,
  Synchronized,
} from 'nestjs-coordination';
import { ownSpace, startApp, startPeer } from './fixtures/test-app.js';

const ran: string[] = [];
const SKIP = { onNotAcquired: 'skip' } as const;

@Injectable()
@Controller()
class Jobs {
  @Get('constant')
  @Synchronized('job', SKIP)
  async constant(): Promise<string> {
    ran.push('constant');
    return 'ran';
  }

  @Get('named')
  @Synchronized('<name>', SKIP)
  async named(name = 'job'): Promise<string> {
    ran.push('named');
    return 'ran';
  }

  @Get('observable')
  @Synchronized('job', SKIP)
  observable(): Observable<string> {
    ran.push('observable');
    return of('ran');
  }

  @Synchronized('job', SKIP)
  async *pages(): AsyncGenerator<string> {
    ran.push('pages');
    yield 'ran';
  }

  @Synchronized('job', { blocking: 20 })
  async patient(): Promise<string> {
    ran.push('patient');
    return 'ran';
  }
}

describe('a method whose lock somebody else holds', () => {
  async function startWithHolder(): Promise<{ url: string; jobs: Jobs }> {
    const backendUrl = ownSpace();
    const { app, url } = await startApp({ controllers: [Jobs], coordination: { backendUrl } });
    const peer = await startPeer({ backendUrl });
    await peer.getLock('job').acquire();
    ran.length = 0;
    return { url, jobs: app.get(Jobs) };
  }

  it('returns undefined without running when it is to be skipped', async () => {
    const { jobs } = await startWithHolder();
    expect(await jobs.constant()).toBeUndefined();
    expect(await jobs.named()).toBeUndefined();
    expect(await lastValueFrom(jobs.observable())).toBeUndefined();
    expect(await jobs.pages().next()).toEqual({ value: undefined, done: true });
    expect(ran).toEqual([]);
  });

  it.each(['constant', 'named', 'observable'])(
    'answers with nothing as a skipped route: %s',
    async (path) => {
      const { url } = await startWithHolder();
      const reply = await fetch(`${url}/${path}`);
      expect([reply.status, await reply.text()]).toEqual([200, '']);
      expect(ran).toEqual([]);
    },
  );

  it('rejects otherwise, naming the lock, the member and what to do', async () => {
    const { jobs } = await startWithHolder();
    const error: unknown = await jobs.patient().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(LockAcquireFailedError);
    expect(String(error)).toMatch(/Lock "job": .* within 20 ms.*raise "blocking"/);
    expect(ran).toEqual([]);
  });
});

describe('an application with several coordinators', () => {
  @Injectable()
  @Controller()
  class Both {
    constructor(
      readonly main: CoordinatorService,
      @InjectCoordinator('reports') readonly reports: CoordinatorService,
    ) {}

    @Get('main')
    @Synchronized('x')
    async onMain(): Promise<unknown> {
      return this.holders();
    }

    @Get('reports')
    @Synchronized('x', { coordinator: 'reports' })
    async onReports(): Promise<unknown> {
      return this.holders();
    }

    @Synchronized('x', { coordinator: 'reports' })
    observed(): Observable<string | undefined> {
      return of(currentLease()?.name);
    }

    private async holders(): Promise<unknown> {
      const free = async (one: CoordinatorService) => one.using('x', { blocking: false }, () => 'free');
      return {
        main: await free(this.main).catch(() => 'held'),
        reports: await free(this.reports).catch(() => 'held'),
      };
    }
  }

  const start = () =>
    startApp({
      imports: [CoordinationModule.forRoot({ name: 'reports', backendUrl: ownSpace() })],
      controllers: [Both],
    });

  it('takes the lock of a route from the one that is named', async () => {
    const { url } = await start();
    expect(await (await fetch(`${url}/main`)).json()).toEqual({ main: 'held', reports: 'free' });
    expect(await (await fetch(`${url}/reports`)).json()).toEqual({ main: 'free', reports: 'held' });
  });

  it('takes the lock of a plain call from the one that is named', async () => {
    const { app } = await start();
    expect(await app.get(Both).onMain()).toEqual({ main: 'held', reports: 'free' });
    expect(await app.get(Both).onReports()).toEqual({ main: 'free', reports: 'held' });
    expect(await firstValueFrom(app.get(Both).observed())).toBe('x');
  });
});
