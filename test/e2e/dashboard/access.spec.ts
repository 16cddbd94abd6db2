import {
  type CanActivate,
  type ExecutionContext,
  Injectable,
  type INestApplication,
  VersioningType,
} from '@nestjs/common';
import { afterEach, describe, expect, it } from 'vitest';
import { CoordinationDashboardModule } from '../../../lib/dashboard/index.js';
import { type DashboardApp, type DashboardAppOptions, startDashboardApp } from './fixtures/dashboard-app.js';
import { holder, lock, MadeUpSource } from './fixtures/made-up-source.js';

@Injectable()
class KeyGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { headers } = context.switchToHttp().getRequest<{ headers: Record<string, string | undefined> }>();
    return headers['x-key'] === 'open';
  }
}

const apps: INestApplication[] = [];

afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
});

async function start(options: DashboardAppOptions): Promise<DashboardApp> {
  const started = await startDashboardApp(options);
  apps.push(started.app);
  return started;
}

/** As a browser does it: the page first, then its request with the token and the cookie. */
async function breakFromPage(
  url: string,
  body: object,
  change: (headers: Record<string, string>) => void = () => undefined,
): Promise<Response> {
  const page = await fetch(url);
  const [, token = ''] = /name="csrf-token" content="([^"]+)"/.exec(await page.text()) ?? [];
  const [cookie = ''] = (page.headers.get('set-cookie') ?? '').split(';');
  const headers = {
    'content-type': 'application/json',
    'x-coordination-token': token,
    cookie,
    'sec-fetch-site': 'same-origin',
  };
  change(headers);
  return fetch(`${url}/break`, { method: 'POST', headers, body: JSON.stringify(body) });
}

async function messageOf(response: Response): Promise<string> {
  return ((await response.json()) as { message: string }).message;
}

const HELD = lock('exports', [holder(1, 5000)]);
const ASKED = { name: 'exports', kind: 'lock', reason: 'stuck NFS mount' };

describe.each(['express', 'fastify'] as const)('the dashboard on %s', (platform) => {
  it('shows nothing and breaks nothing when the guard of the application says no', async () => {
    const source = new MadeUpSource('calm', [HELD]);
    const { url } = await start({ platform, source, guard: KeyGuard });
    const key = { headers: { 'x-key': 'open' } };
    for (const path of ['', '/data', '/events']) expect((await fetch(url + path)).status, path).toBe(403);
    expect((await breakFromPage(url, ASKED)).status).toBe(403);
    expect(source.polls).toBe(0);
    expect(source.broken).toEqual([]);
    for (const path of ['', '/data']) expect((await fetch(url + path, key)).status, path).toBe(200);
  });

  it('takes a guard that is an object', async () => {
    const { url } = await start({
      platform,
      source: new MadeUpSource(),
      guard: { canActivate: () => false },
    });
    expect((await fetch(url)).status).toBe(403);
  });

  it('serves one page that may load nothing, and is not framed or kept', async () => {
    const { url } = await start({ platform, source: new MadeUpSource(), title: '<b>shares</b>' });
    const page = await fetch(url);
    const html = await page.text();
    const policy = page.headers.get('content-security-policy') ?? '';
    const [, nonce = ''] = /script-src 'nonce-([^']+)'/.exec(policy) ?? [];
    expect(policy).toContain(`default-src 'none'`);
    expect(policy).toContain(`frame-ancestors 'none'`);
    expect(policy).not.toContain('unsafe');
    expect(html).toContain(`<script nonce="${nonce}">`);
    expect(html).not.toMatch(/(?:src|href)="(?!data:,|#)/);
    expect(html).not.toContain('<b>shares</b>');
    expect(html).toContain('&lt;b&gt;shares&lt;/b&gt;');
    expect(page.headers.get('cache-control')).toContain('no-store');
    expect(page.headers.get('x-frame-options')).toBe('DENY');
    expect(page.headers.get('set-cookie')).toMatch(/HttpOnly; SameSite=Strict/);
    expect((await fetch(url)).headers.get('content-security-policy')).not.toContain(nonce);
  });

  it('breaks a lock for a reason, when the page asks for it', async () => {
    const source = new MadeUpSource('empty', [HELD]);
    const { url } = await start({ platform, source });
    expect((await breakFromPage(url, ASKED)).status).toBe(200);
    expect(source.broken).toEqual([ASKED]);
    const again = await breakFromPage(url, ASKED);
    expect([again.status, await messageOf(again)]).toEqual([409, 'No member holds "exports" any more.']);
    for (const body of [
      {},
      { name: 'exports' },
      { name: 'exports', reason: ' ' },
      { reason: 'why', name: 7 },
      { ...ASKED, kind: 'leader' },
    ])
      expect((await breakFromPage(url, body)).status, JSON.stringify(body)).toBe(400);
    source.scene = 'down';
    expect((await breakFromPage(url, ASKED)).status).toBe(503);
  });

  it.each<[string, (headers: Record<string, string>) => void]>([
    ['without the token', (headers) => delete headers['x-coordination-token']],
    ['with another token', (headers) => (headers['x-coordination-token'] = 'A'.repeat(43))],
    ['without the cookie', (headers) => delete headers['cookie']],
    ['from another site', (headers) => (headers['sec-fetch-site'] = 'cross-site')],
    ['from another origin of the site', (headers) => (headers['sec-fetch-site'] = 'same-site')],
    ['from nobody knows where', (headers) => delete headers['sec-fetch-site']],
    [
      'from another origin, from an old browser',
      (headers) => {
        delete headers['sec-fetch-site'];
        headers['origin'] = 'http://127.0.0.1:1';
      },
    ],
  ])('breaks nothing %s', async (_, change) => {
    const source = new MadeUpSource('empty', [HELD]);
    const { url } = await start({ platform, source });
    expect((await breakFromPage(url, ASKED, change)).status).toBe(403);
    expect(source.broken).toEqual([]);
  });

  it('takes an old browser, and a proxy that changes the host, at their word', async () => {
    const source = new MadeUpSource('empty', [HELD]);
    const { url } = await start({ platform, source });
    const old = (origin: string, forwarded?: string) => (headers: Record<string, string>) => {
      delete headers['sec-fetch-site'];
      headers['origin'] = origin;
      if (forwarded !== undefined) headers['x-forwarded-host'] = forwarded;
    };
    expect((await breakFromPage(url, ASKED, old('https://ops.example', 'ops.example'))).status).toBe(200);
    expect((await breakFromPage(url, ASKED, old(new URL(url).origin))).status).toBe(409);
  });

  it('tells its data to no page of another site', async () => {
    const { url } = await start({ platform, source: new MadeUpSource() });
    const headers = { 'sec-fetch-site': 'cross-site' };
    for (const path of ['/data', '/events'])
      expect((await fetch(url + path, { headers })).status, path).toBe(403);
  });

  it('is below the global prefix, and at its path whatever version is asked for', async () => {
    const { app } = await start({
      platform,
      source: new MadeUpSource(),
      path: 'ops/locks',
      configure: (app) => {
        app.setGlobalPrefix('api');
        app.enableVersioning({ type: VersioningType.URI, defaultVersion: '3' });
      },
    });
    const root = await app.getUrl();
    expect((await fetch(`${root}/api/ops/locks`)).status).toBe(200);
    expect((await fetch(`${root}/api/ops/locks/data`)).status).toBe(200);
    expect((await fetch(`${root}/ops/locks`)).status).toBe(404);
    const { app: versioned } = await start({
      platform,
      source: new MadeUpSource(),
      version: '2',
      configure: (app) => void app.enableVersioning({ type: VersioningType.URI }),
    });
    expect((await fetch(`${await versioned.getUrl()}/v2/coordination`)).status).toBe(200);
  });

  it('ends its streams when the application stops, and does not hold it up', async () => {
    const { app, url } = await startDashboardApp({ platform, source: new MadeUpSource('busy') });
    const streams = await Promise.all([fetch(`${url}/events`), fetch(`${url}/events?q=share`)]);
    const readers = streams.map(({ body }) => body!.pipeThrough(new TextDecoderStream()).getReader());
    // The first view comes after the head of the answer.
    for (const reader of readers) expect((await reader.read()).value).toMatch(/^data: \{/);
    const start = performance.now();
    await app.close();
    expect(performance.now() - start).toBeLessThan(20_000);
    for (const reader of readers) while (!(await reader.read()).done);
  });
});

describe('registering the dashboard', () => {
  it.each([
    [undefined, /its options must be an object/],
    [{}, /it needs a guard.*guard: false to let everybody in/],
    [{ guard: true }, /guard must be a guard of Nest/],
    [{ guard: class {} }, /guard must be a guard of Nest/],
    [{ guard: false, path: '' }, /path must be a non-empty string/],
    [{ guard: false, pat: 'x' }, /unknown option 'pat', known are path/],
  ])('refuses %o', (options, message) => {
    // What JavaScript can pass and the types do not allow.
    expect(() => CoordinationDashboardModule.register(options as never)).toThrow(message);
  });
});
