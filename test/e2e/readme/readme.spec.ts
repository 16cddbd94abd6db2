import { THOROUGH } from '../../support/thorough.js';
import type { CanActivate, INestApplication, ModuleMetadata, Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Pool } from 'pg';
import { lastValueFrom } from 'rxjs';
import { DataSource } from 'typeorm';
import { afterAll, describe, expect, it } from 'vitest';
import { CoordinationModule, CoordinatorService, LimitReachedError, Lock } from 'nestjs-coordination';
import { CoordinationDashboardModule } from 'nestjs-coordination/dashboard';
import { CoordinationTelemetryModule } from 'nestjs-coordination/telemetry';
import {
  CoordinationTestingModule,
  type CoordinationTestingModuleOptions,
  CoordinationTestKit,
} from 'nestjs-coordination/testing';
import { eventually } from '../../support/eventually.js';
import { postgresBin } from '../../support/postgres-programs.js';
import { PostgresServer } from '../../support/postgres-server.js';
import { forkFixture } from '../../support/processes.js';
import { freePort } from '../../support/redis-ports.js';
import { countBlocks, writeSnippets } from './snippets.js';

interface Class<T = object> {
  new (...args: never[]): T;
}

const snippets = writeSnippets();
const scratch = mkdtempSync(join(tmpdir(), 'coordination-readme-'));
const root = fileURLToPath(new URL('../../..', import.meta.url));

/** Loads a snippet, and starts an application with one of its providers. */
async function start(name: string, provider: string) {
  const module = (await import(snippets.get(name)!)) as Record<string, Class>;
  const reference = await Test.createTestingModule({
    imports: [CoordinationModule.forRoot({ backendUrl: `memory:readme-${name}` })],
    providers: [module[provider]!],
  }).compile();
  const app = await reference.createNestApplication().init();
  return { app, host: app.get<unknown>(module[provider]!), coordinator: app.get(CoordinatorService) };
}

async function serve(metadata: ModuleMetadata): Promise<INestApplication> {
  const reference = await Test.createTestingModule(metadata).compile();
  const app = reference.createNestApplication();
  await app.listen(0, '127.0.0.1');
  return app;
}

describe('the snippets of README and docs', () => {
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

  it('are all named, so that each is run here', () => {
    expect(snippets.size).toBe(countBlocks());
  });

  // The compiler looks at all of the package, which takes a busy machine a while.
  it.runIf(THOROUGH)('compile', { timeout: 180_000 }, () => {
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    const paths = join(root, 'test/e2e/readme/tsconfig.json');
    expect(() => execFileSync(process.execPath, [tsc, '-p', paths], { encoding: 'utf8' })).not.toThrow();
  });

  it('opening: an account is settled under a lock of its own, and the job is known by its name', async () => {
    const { app, coordinator, ...started } = await start('opening', 'InvoiceService');
    const host = started.host as { export(): Promise<void>; settle(account: { id: string }): Promise<void> };
    const locks: string[] = [];
    coordinator.on('lease.acquired', ({ lock }) => locks.push(lock));
    await host.settle({ id: '7' });
    expect(locks).toEqual(['settle-7']);
    await host.export();
    expect(await coordinator.inspect.jobs()).toMatchObject([{ name: 'invoice-export' }]);
    await app.close();
  });

  it('quick start: two processes extend one share one after the other', async () => {
    const env = { XDG_STATE_HOME: scratch, NODE_ENV: 'development' };
    const ports = [await freePort(), await freePort()];
    const replicas = await Promise.all(
      ports.map((port) => forkFixture(snippets.get('quick-start')!, { env: { ...env, PORT: String(port) } })),
    );
    try {
      const urls = ports.map((port) => `http://127.0.0.1:${port}/shares/7/extend`);
      for (const url of urls) await eventually(() => fetch(url).catch(() => undefined));
      const before = performance.now();
      const answers = await Promise.all(urls.map((url) => fetch(url, { method: 'POST' })));
      for (const answer of answers) expect(await answer.text()).toBe('share 7 is larger now');
      // Each takes a second; at once, both were done after one. A timer may fire a ms early.
      expect(performance.now() - before).toBeGreaterThan(1990);
    } finally {
      await Promise.all(replicas.map((replica) => replica.kill()));
    }
  });

  it('shares, main: two replicas answer forty extends with forty sizes', async () => {
    const env = { XDG_STATE_HOME: scratch, NODE_ENV: 'development' };
    const ports = [await freePort(), await freePort()];
    const cwd = mkdtempSync(join(scratch, 'shares-'));
    const replicas = await Promise.all(
      ports.map((port) => forkFixture(snippets.get('main')!, { cwd, env: { ...env, PORT: String(port) } })),
    );
    try {
      const urls = ports.map((port) => `http://127.0.0.1:${port}/shares/7/extend`);
      for (const url of urls) await eventually(() => fetch(url).catch(() => undefined));
      const requests = Array.from({ length: 40 }, (_, n) => fetch(urls[n % 2]!, { method: 'POST' }));
      const answers = await Promise.all((await Promise.all(requests)).map((answer) => answer.text()));
      expect(new Set(answers).size).toBe(40);
      expect(answers).toContain('share 7 has 40 GB\n');
      expect(readFileSync(join(cwd, 'share-7.txt'), 'utf8')).toBe('40');
    } finally {
      await Promise.all(replicas.map((replica) => replica.kill()));
    }
  });

  it('shares-test, shares-wrong: the test passes with the lock, and fails without', async () => {
    const runs = async (file: string): Promise<number | null> => {
      const cwd = mkdtempSync(join(scratch, 'shares-test-'));
      const run = await forkFixture(file, { cwd, env: { XDG_STATE_HOME: scratch, NODE_ENV: 'development' } });
      return (await run.exited).code;
    };
    const test = snippets.get('shares-test')!;
    expect(await runs(test)).toBe(0);
    const without = test.replace('shares-test', 'shares-test-without');
    writeFileSync(without, readFileSync(test, 'utf8').replace('./shares.js', './shares-wrong.js'));
    expect(await runs(without)).toBe(1);
  });

  it('report: the job runs', async () => {
    const { app, host, coordinator } = await start('report', 'ReportJob');
    await (host as { run(): Promise<void> }).run();
    expect(await coordinator.inspect.jobs()).toMatchObject([{ name: 'report' }]);
    await app.close();
  });

  it('several-names, reentrant, time-bounds, until-request, assert-locked: run as they say', async () => {
    type Calls = Record<string, (...args: unknown[]) => Promise<unknown>>;
    const run = async (
      name: string,
      provider: string,
      use: (host: Calls) => Promise<void>,
    ): Promise<void> => {
      const { app, host } = await start(name, provider);
      await use(host as Calls);
      await app.close();
    };
    await run('several-names', 'MoveService', async (moves) => {
      expect(await moves['move']!({ id: '1' }, { id: '2' })).toEqual([
        expect.any(Number),
        expect.any(Number),
      ]);
      expect(await moves['archive']!(['1', '2'])).toBe('share-1 + share-2');
    });
    await run('reentrant', 'ShareService', async (shares) => {
      expect(await shares['replace']!('7')).toBe('removed, created 7');
    });
    await run('time-bounds', 'PartnerService', async (partner) => {
      expect(await partner['call']!()).toBe('called');
      expect(await partner['upload']!('7')).toBe('uploaded 7');
    });
    await run('until-request', 'QuotaService', async (quotas) => {
      expect(await quotas['book']!('t', 5)).toBe('5 GB for t');
    });
    await run('assert-locked', 'ShareStorage', async (storage) => {
      expect(await storage['extend']!('7')).toBe('written under share-7');
      await expect(storage['write']!('7')).rejects.toThrow('assertLocked');
    });
  });

  it('shared-locks, limited: readers, a writer, permits', async () => {
    interface Index {
      search(word: string): Promise<boolean>;
      rebuild(words: readonly string[]): Promise<void>;
      rebuildAndCount(words: readonly string[]): Promise<number>;
    }
    const index = await start('shared-locks', 'IndexService');
    const words = index.host as Index;
    await words.rebuild(['lock']);
    expect(await Promise.all([words.search('lock'), words.search('key')])).toEqual([true, false]);
    expect(await words.rebuildAndCount(['lock', 'key'])).toBe(2);
    await index.app.close();
    const { app, host, coordinator } = await start('limited', 'ExportController');
    const exports = host as { export(id: string): Promise<string>; summary(): Promise<string> };
    const permits = await Promise.all([1, 2, 3].map(() => coordinator.getSemaphore('summaries', 3).hold()));
    await expect(exports.summary()).rejects.toThrow(LimitReachedError);
    await permits[0]?.release();
    expect(await exports.summary()).toMatch(/^1 were free, this is permit:\d:summaries$/);
    for (const permit of permits) await permit.release();
    expect(await exports.export('acme')).toBe('all of acme');
    await app.close();
  });

  it('from-environment: the variables configure the module', async () => {
    process.env['COORDINATION_BACKEND_URL'] = 'memory:readme';
    process.env['COORDINATION_PREFIX'] = 'shares:';
    try {
      const { AppModule } = (await import(snippets.get('from-environment')!)) as { AppModule: Class };
      const app = await (await Test.createTestingModule({ imports: [AppModule] }).compile()).init();
      expect(app.get(CoordinatorService).prefix).toBe('shares:');
      await app.close();
    } finally {
      delete process.env['COORDINATION_BACKEND_URL'];
      delete process.env['COORDINATION_PREFIX'];
    }
  });

  it('named: the second coordinator has its own back end', async () => {
    process.env['XDG_STATE_HOME'] = scratch;
    const { AppModule, ReportService } = (await import(snippets.get('named')!)) as Record<string, Class>;
    const app = await (await Test.createTestingModule({ imports: [AppModule!] }).compile()).init();
    const reports = app.get<{ coordinator: CoordinatorService; build(): Promise<string> }>(ReportService!);
    expect(await reports.build()).toBe('built');
    expect(reports.coordinator).not.toBe(app.get(CoordinatorService));
    await app.close();
    delete process.env['XDG_STATE_HOME'];
  });

  it('synchronized: every kind of method runs under its lock', async () => {
    interface Shares {
      extend(share: { id: string; size: number }, by: number): Promise<number>;
      shrink(share: { id: string; size: number }, by: number): Promise<number>;
      watch(id: string): import('rxjs').Observable<string>;
      pieces(id: string): AsyncGenerator<string>;
      nightly(): Promise<string | undefined>;
    }
    const { app, coordinator, ...started } = await start('synchronized', 'ShareService');
    const host = started.host as Shares;
    const locks: string[] = [];
    coordinator.on('lease.acquired', ({ lock }) => locks.push(lock));
    expect(await host.extend({ id: 'a', size: 1 }, 2)).toBe(3);
    expect(await host.shrink({ id: 'b', size: 3 }, 2)).toBe(1);
    expect(await lastValueFrom(host.watch('c'))).toBe('c is watched');
    for await (const piece of host.pieces('d')) expect(piece).toBe('a piece of d');
    expect(await host.nightly()).toBe('cleaned up');
    expect(locks).toEqual(['share-a', 'share-b', 'share-c', 'share-d', 'shares-nightly']);
    await coordinator.using('shares-nightly', async () => expect(await host.nightly()).toBeUndefined());
    await app.close();
  });

  it('lock-param: explicit names', async () => {
    interface Snapshots {
      create(share: { id: string }, snap: { name: string }): Promise<string>;
    }
    const { app, coordinator, ...started } = await start('lock-param', 'SnapshotService');
    const host = started.host as Snapshots;
    const locks: string[] = [];
    coordinator.on('lease.acquired', ({ lock }) => locks.push(lock));
    expect(await host.create({ id: '7' }, { name: 'monday' })).toBe('7/monday');
    expect(locks).toEqual(['create-7-monday']);
    await app.close();
  });

  it('by-hand: using, a handle, a lease', async () => {
    interface Exports {
      rewrite(): Promise<string>;
      tryOnce(share: { id: string }): Promise<boolean>;
      hold(signal: AbortSignal): Promise<number>;
    }
    const { app, coordinator, ...started } = await start('by-hand', 'ExportService');
    const host = started.host as Exports;
    expect(await host.rewrite()).toBe('rewritten under exports');
    expect(await host.tryOnce({ id: '7' })).toBe(true);
    const other = new Lock('share-7', {}, coordinator);
    await other.acquire();
    expect(await host.tryOnce({ id: '7' })).toBe(false);
    await other.release();
    expect(await host.hold(AbortSignal.timeout(60_000))).toBe(Infinity);
    await app.close();
  });

  it('fair: sells one ticket after the other', async () => {
    const { app, host } = await start('fair', 'TicketService');
    const service = host as { sell(): Promise<number> };
    expect(await Promise.all([service.sell(), service.sell(), service.sell()])).toEqual([1, 2, 3]);
    await app.close();
  });

  it('fencing: the storage refuses a lease before the last that it has seen, also when that one only read', async () => {
    interface Storage {
      read(id: string, token: number): number;
      write(id: string, size: number, token: number): void;
    }
    const { ShareService, ShareStorage } = (await import(snippets.get('fencing')!)) as Record<string, Class>;
    const reference = await Test.createTestingModule({
      imports: [CoordinationModule.forRoot({ backendUrl: 'memory:readme-fencing' })],
      providers: [ShareService!, ShareStorage!],
    }).compile();
    const app = await reference.createNestApplication().init();
    const service = app.get<{ extend(id: string, by: number): Promise<number> }>(ShareService!);
    const storage = app.get<Storage>(ShareStorage!);
    expect(await service.extend('7', 3)).toBe(3);
    const lock = app.get(CoordinatorService).getLock('share-7', { fencing: true });
    const token = await lock.using((lease) => Promise.resolve(lease.fencingToken!));
    expect(await service.extend('7', 2)).toBe(5);
    expect(() => storage.write('7', 99, token)).toThrow('is too late');
    const reader = await lock.using((lease) => Promise.resolve(lease.fencingToken!));
    expect(storage.read('7', reader + 1)).toBe(5);
    expect(() => storage.write('7', 99, reader)).toThrow('is too late');
    await app.close();
  });

  it('fenced-object: the first contact raises the floor, and a write after a later one fails', async () => {
    interface Stored {
      readonly body: string;
      readonly etag: string;
      readonly token: number;
    }
    interface Recipe {
      readonly open: (store: object, key: string, token: number) => Promise<Stored>;
      readonly save: (store: object, key: string, was: Stored, body: string) => Promise<Stored>;
    }
    const { open, save } = (await import(snippets.get('fenced-object')!)) as Recipe;
    let object: Stored = { body: 'old', etag: '0', token: 0 };
    const store = {
      get: async () => object,
      put: async (_key: string, body: string, token: number, ifMatch: string) => {
        if (ifMatch !== object.etag) return undefined;
        object = { body, token, etag: String(Number(object.etag) + 1) };
        return object.etag;
      },
    };
    const early = await save(store, 'share-7', await open(store, 'share-7', 5), 'by 5');
    expect(await open(store, 'share-7', 5)).toEqual(early);
    const later = await open(store, 'share-7', 6);
    expect(later.body).toBe('by 5');
    await expect(save(store, 'share-7', early, 'late')).rejects.toThrow('token 5 is too late');
    await expect(open(store, 'share-7', 5)).rejects.toThrow('is too late');
    // Two that come at once: whoever is later in the order of tokens stays.
    const both = await Promise.allSettled([open(store, 'share-7', 8), open(store, 'share-7', 7)]);
    expect(both[0].status).toBe('fulfilled');
    expect(object).toMatchObject({ body: 'by 5', token: 8 });
  });

  it('jobs: the seed is done once, and the job runs', async () => {
    const { app, host, coordinator } = await start('jobs', 'ReportJobs');
    expect(await coordinator.once('seed-v42', () => undefined)).toBe(false);
    await (host as { nightly(): Promise<void> }).nightly();
    await app.close();
  });

  it('elections: the leader is told, and runs what is for it alone', async () => {
    const { app, ...started } = await start('elections', 'QuotaService');
    const host = started.host as { seen: string[]; balance(): Promise<string | undefined> };
    await eventually(() => host.seen.length === 1);
    expect(await host.balance()).toBe('balanced');
    await app.close();
    expect(host.seen).toEqual([expect.stringMatching(/^leads in term \d+$/), 'leads no more']);
    expect(await host.balance()).toBeUndefined();
  });

  it('docs-elections: the term is the fencing token of what runs for the leader', async () => {
    interface Quotas {
      readonly state: string;
      balance(): Promise<number | undefined>;
      leader(): Promise<string>;
    }
    const { app, coordinator, ...started } = await start('docs-elections', 'QuotaService');
    const host = started.host as Quotas;
    await eventually(() => host.state.startsWith('leads'));
    expect(host.state).toBe(`leads since term ${await host.balance()}`);
    expect(await host.leader()).toBe(coordinator.agentId);
    await app.close();
    expect(host.state).toBe('follows');
  });

  it('events: a listener sees what happens', async () => {
    const { app, coordinator, ...started } = await start('events', 'LockMetrics');
    const host = started.host as { seen: string[] };
    await coordinator.using('x', async () => undefined);
    expect(host.seen).toEqual([expect.stringMatching(/^x after .* ms$/)]);
    await app.close();
  });

  it('observing: a lock that is held for long and waited for is found, and freed', async () => {
    interface Report {
      stuck(ms: number): Promise<readonly { readonly name: string }[]>;
      free(name: string, reason: string): Promise<boolean>;
    }
    const { app, coordinator, ...started } = await start('observing', 'LockReport');
    const host = started.host as Report;
    const lease = await coordinator.getLock('share-7').hold();
    expect(await host.stuck(-1)).toEqual([]);
    const waiting = coordinator.getLock('share-7').hold();
    expect(await host.stuck(-1)).toMatchObject([{ name: 'share-7' }]);
    expect(await host.stuck(60_000)).toEqual([]);
    expect(await host.free('share-7', 'it hangs')).toBe(true);
    expect(lease.signal.reason).toMatchObject({ reason: 'revoked' });
    await (await waiting).release();
    await app.close();
  });

  it('telemetry: the controller serves the scrape', async () => {
    const { MetricsController } = (await import(snippets.get('telemetry')!)) as Record<string, Class>;
    const app = await serve({
      imports: [
        CoordinationModule.forRoot({ backendUrl: 'memory:readme-telemetry' }),
        CoordinationTelemetryModule.forRoot({ prometheus: true }),
      ],
      controllers: [MetricsController!],
    });
    const scrape = await fetch(`${await app.getUrl()}/metrics`);
    expect(scrape.headers.get('content-type')).toContain('text/plain');
    expect(await scrape.text()).toContain('coordination_backend_up{coordinator="default"} 1');
    await app.close();
  });

  it('health: the route says that the coordinator is up', async () => {
    const { HealthModule } = (await import(snippets.get('health')!)) as Record<string, Class>;
    const coordination = CoordinationModule.forRoot({ backendUrl: 'memory:readme-health' });
    const app = await serve({ imports: [coordination, HealthModule!] });
    const answer = await fetch(`${await app.getUrl()}/health`);
    expect(await answer.json()).toMatchObject({ status: 'ok', details: { coordination: { status: 'up' } } });
    await app.close();
  });

  it('dashboard: the page is there for the cookie alone', async () => {
    const { AdminGuard } = (await import(snippets.get('dashboard')!)) as Record<string, Type<CanActivate>>;
    const app = await serve({
      imports: [
        CoordinationModule.forRoot({ backendUrl: 'memory:readme-dashboard' }),
        CoordinationDashboardModule.register({
          path: 'ops/coordination',
          guard: AdminGuard!,
        }),
      ],
    });
    const page = `${await app.getUrl()}/ops/coordination`;
    const statusFor = async (cookie: string) => (await fetch(page, { headers: { cookie } })).status;
    expect(await statusFor('admin=undefined')).toBe(403);
    process.env['ADMIN_TOKEN'] = 'secret';
    expect(await statusFor('admin=other')).toBe(403);
    expect(await statusFor('theme=dark; admin=secret')).toBe(200);
    delete process.env['ADMIN_TOKEN'];
    await app.close();
  });

  it('postgres-module: takes its options from a URL', async () => {
    const { AppModule } = (await import(snippets.get('postgres-module')!)) as Record<string, Class>;
    const coordination = Reflect.getMetadata('imports', AppModule!) as readonly {
      readonly module: unknown;
    }[];
    expect(coordination[0]?.module).toBe(CoordinationModule);
  });

  it.skipIf(postgresBin() === undefined)(
    'postgres-guard, postgres-guard-pg: the transaction checks its lock',
    async () => {
      const server = await PostgresServer.start();
      const backendUrl = server.urlOf();
      await server.query('CREATE TABLE share (id integer PRIMARY KEY, size integer)');
      await server.query('INSERT INTO share VALUES (7, 1)');
      const source = await new DataSource({ type: 'postgres', url: backendUrl }).initialize();
      const pool = new Pool({ connectionString: backendUrl });
      const tools = [
        { provide: DataSource, useValue: source },
        { provide: Pool, useValue: pool },
      ];
      for (const [name, size] of [
        ['postgres-guard', 6],
        ['postgres-guard-pg', 11],
      ] as const) {
        const { ShareService } = (await import(snippets.get(name)!)) as Record<string, Class>;
        const reference = await Test.createTestingModule({
          imports: [CoordinationModule.forRoot({ backendUrl })],
          providers: [ShareService!, ...tools],
        }).compile();
        const app = await reference.createNestApplication().init();
        const shares = app.get<{ extend(id: number, by: number): Promise<void> }>(ShareService!);
        await Promise.all([shares.extend(7, 2), shares.extend(7, 3)]);
        if (name === 'postgres-guard-pg') await endsConnectionIn(server, () => shares.extend(7, 9));
        expect(await server.query('SELECT size FROM share')).toEqual([{ size }]);
        await shares.extend(7, 0);
        await app.close();
      }
      await pool.end();
      await source.destroy();
      await server.stop();
    },
  );
});

/** The server ends the connection of the call in the middle of its transaction: it rejects with what the server says, and no more. */
async function endsConnectionIn(server: PostgresServer, call: () => Promise<void>): Promise<void> {
  const other = await server.client();
  await other.query('BEGIN');
  await other.query('UPDATE share SET size = size');
  const failed = expect(call()).rejects.toMatchObject({ code: '57P01' });
  const waiting = "FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'UPDATE share%'";
  await eventually(async () => (await server.query(`SELECT pid ${waiting}`)).length === 1);
  await server.query(`SELECT pg_terminate_backend(pid) ${waiting}`);
  await failed;
  await other.query('ROLLBACK');
  await other.end();
}

type TestSnippet = Record<string, Class> & { test(...args: unknown[]): Promise<unknown> };

async function loadTest(name: string): Promise<TestSnippet> {
  return (await import(snippets.get(name)!)) as TestSnippet;
}

/** Runs the test of a snippet on a testing module with one of its providers. */
async function runTest(name: string, provider?: string, options?: CoordinationTestingModuleOptions) {
  const snippet = await loadTest(name);
  const host = provider === undefined ? CoordinatorService : snippet[provider]!;
  const module = await Test.createTestingModule({
    imports: [CoordinationTestingModule.forRoot(options)],
    providers: provider === undefined ? [] : [snippet[provider]!],
  }).compile();
  await module.init();
  try {
    await snippet.test(module.get(CoordinationTestKit), module.get(host));
  } finally {
    await module.close();
  }
}

describe('the tests of docs/unit-tests.md', () => {
  it('the first test of the page passes as a file of its own', async () => {
    const run = await forkFixture(snippets.get('testing-first')!);
    expect((await run.exited).code).toBe(0);
  });

  it('an application that names Redis starts without it', async () => {
    expect(await (await loadTest('testing-override')).test()).toBe(true);
  });

  it('a lease is lost as the page says', () => runTest('testing-lose', 'Copies'));

  it('permits are taken as another replica', () => runTest('testing-permits', 'Exports'));

  it('time passes as the page says', () =>
    runTest('testing-time', undefined, { clock: 'driven', ttl: '10s' }));

  it('a job runs as the page says', () => runTest('testing-jobs', 'Reports'));
});
