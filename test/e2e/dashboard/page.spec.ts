import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { INestApplication } from '@nestjs/common';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Dashboard } from '../../../lib/dashboard/dashboard.js';
import { launchChromium } from '../../support/chromium.js';
import { chromiumPath } from '../../support/chromium-path.js';
import { startDashboardApp } from './fixtures/dashboard-app.js';
import { madeUpPast } from './fixtures/made-up-past.js';
import { holder, lock, MadeUpSource, waiter } from './fixtures/made-up-source.js';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

interface AxeResults {
  readonly violations: readonly {
    readonly id: string;
    readonly impact: string;
    readonly nodes: readonly { html: string }[];
  }[];
}

/** What axe-core finds that keeps people from using the page. */
async function seriousIn(page: Page): Promise<string[]> {
  const run = `${AXE}; axe.run(document, { resultTypes: ['violations'] })`;
  const { violations } = (await page.evaluate(run)) as AxeResults;
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 200)}`));
}

describe.skipIf(chromiumPath() === undefined)('the page', () => {
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let app: INestApplication;
  let url: string;
  let source: MadeUpSource;
  /** Everything that the browser asked for. */
  const requests: string[] = [];
  const problems: string[] = [];

  beforeAll(async () => {
    browser = await launchChromium();
  });

  afterAll(() => browser.close());

  beforeEach(async () => {
    source = new MadeUpSource('busy');
    ({ app, url } = await startDashboardApp({ source, activity: madeUpPast() }));
    context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
    page = await context.newPage();
    requests.length = problems.length = 0;
    page.on('request', (request) => requests.push(request.url()));
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  });

  afterEach(async () => {
    await context.close();
    await app.close();
  });

  function rowOf(name: string) {
    return page.locator('#locks-rows tr').filter({ has: page.getByText(name, { exact: true }) });
  }

  async function open(): Promise<void> {
    await page.goto(url);
    await page.getByText('live', { exact: true }).waitFor();
  }

  it('shows who holds what, who waits, the jobs and the replicas, and what needs a person', async () => {
    await open();
    expect(await rowOf('extend-7').innerText()).toMatch(
      /replica-2[^]*SharesService\.extend[^]*usually 900 ms[^]*4[^]*longest 42 s/,
    );
    expect(await page.locator('#verdict').innerText()).toBe('2 things need a person');
    expect(await page.locator('#queues-rows tr').first().innerText()).toMatch(
      /extend-7\s+4\s+42 s\s+replica-1/,
    );
    expect(await page.locator('#jobs-rows tr').first().innerText()).toMatch(
      /mail[^]*failed[^]*3 failures in a row/,
    );
    expect(await page.locator('#members-rows').innerText()).toMatch(/replica-1[^]*leads quota/);
    expect(await page.locator('#chart svg').getAttribute('aria-label')).toMatch(/at most 2\d calls waiting/);
    expect(problems).toEqual([]);
  });

  it('asks nobody but its own server', async () => {
    await open();
    const { origin } = new URL(url);
    expect(requests.length).toBeGreaterThan(1);
    expect(
      requests.filter((request) => !request.startsWith(`${origin}/`) && !request.startsWith('data:')),
    ).toEqual([]);
    expect(problems).toEqual([]);
  });

  it('shows names as they are, whatever is in them', async () => {
    const name = '<img src=x onerror="document.title=1">';
    source.extra = [lock(name, [holder(2, 90_000, name)], { waiters: [waiter(1, 60_000, name)] })];
    await open();
    await rowOf(name).waitFor();
    await rowOf(name).getByRole('button').click();
    expect(await page.locator('#break-name').innerText()).toBe(name);
    expect(await page.locator('img').count()).toBe(0);
    expect(await page.title()).toBe('Coordination · Coordination');
  });

  it('breaks a lock by keyboard, with a reason and the name typed', async () => {
    await open();
    await rowOf('extend-7').getByRole('button').focus();
    await page.keyboard.press('Enter');
    await page.keyboard.type('stuck NFS mount');
    await page.keyboard.press('Tab');
    await page.keyboard.type('extend-');
    await page.keyboard.press('Enter');
    expect(source.broken).toEqual([]);
    await page.keyboard.type('7');
    await page.keyboard.press('Enter');
    await rowOf('extend-7').waitFor({ state: 'detached' });
    expect(source.broken).toEqual([{ name: 'extend-7', kind: 'lock', reason: 'stuck NFS mount' }]);
    await page.locator('#events').getByText('from this page: stuck NFS mount').first().waitFor();
    await page.locator('#break').waitFor({ state: 'hidden' });
  });

  it('says in the dialog why a lock was not broken', async () => {
    await open();
    await rowOf('exports').getByRole('button').click();
    source.scene = 'down';
    await page.getByLabel('Reason').fill('stuck');
    await page.getByLabel('name, typed').fill('exports');
    await page.getByRole('button', { name: 'Break the lock', exact: true }).click();
    expect(await page.getByRole('alert').innerText()).toBe(
      'Redis at 10.0.0.3:6379 did not answer within 2000 ms',
    );
  });

  it('keeps the focus on a row that moves', async () => {
    await open();
    const button = rowOf('import-3').getByRole('button');
    await button.focus();
    source.extra = [lock('import-99', [holder(1, 99_000)], { waiters: [waiter(1, 50_000)] })];
    await rowOf('import-99').waitFor();
    expect(await page.evaluate(`document.activeElement.getAttribute('aria-label')`)).toBe(
      'Break the lock import-3…',
    );
  });

  it('finds a lock by its name, function or replica, and says when there is none', async () => {
    source.extra = Array.from({ length: 2000 }, (_, index) =>
      lock(`row-${index}`, [holder(1, 50_000 + index)]),
    );
    source.extra = [...source.extra, lock('last', [holder(1, 1, 'RareService.call')])];
    await open();
    expect(await page.locator('#locks-rows tr').count()).toBe(30);
    expect(await page.locator('#locks-count').innerText()).toBe('30 of 2\u202f015');
    await page.getByRole('searchbox').fill('rareservice');
    await rowOf('last').waitFor();
    expect(await page.locator('#locks-rows tr').count()).toBe(1);
    await page.getByRole('searchbox').fill('nobody');
    await page.getByText('None of the 2\u202f015 has “nobody” in its name, function or replica.').waitFor();
  });

  it('does not ask while it is hidden or paused, and goes on when it is looked at again', async () => {
    const dashboard = app.get(Dashboard, { strict: false });
    await open();
    expect(dashboard.viewers).toBe(1);
    // A headless browser never hides a page by itself.
    const hide = (hidden: boolean): Promise<unknown> =>
      page.evaluate(
        `Object.defineProperty(document, 'visibilityState', { value: '${hidden ? 'hidden' : 'visible'}', configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));`,
      );
    await hide(true);
    await page.getByText('paused while hidden').waitFor();
    await expect.poll(() => dashboard.viewers).toBe(0);
    await hide(false);
    await page.getByText('live', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Pause' }).click();
    await expect.poll(() => dashboard.viewers).toBe(0);
    await page.getByRole('button', { name: 'Go on' }).click();
    await expect.poll(() => dashboard.viewers).toBe(1);
  });

  it('says that the server has gone, and comes back with it', async () => {
    await open();
    const { port } = new URL(url);
    await app.close();
    await page.getByText('no connection, trying again').waitFor();
    ({ app } = await startDashboardApp({ source, port: Number(port) }));
    await page.getByText('live', { exact: true }).waitFor();
  });

  it('says that the back end is down, and keeps showing what was known', async () => {
    await open();
    source.scene = 'down';
    await page.getByText('The back end does not answer: Redis at 10.0.0.3:6379').waitFor();
    expect(await rowOf('exports').count()).toBe(1);
  });

  it('tells the user to reload when the guard lets nobody in any more', async () => {
    let allowed = true;
    await app.close();
    ({ app, url } = await startDashboardApp({ source, guard: { canActivate: () => allowed } }));
    await open();
    allowed = false;
    await page.getByRole('searchbox').fill('x');
    await page.getByText('not allowed any more: reload the page').waitFor();
  });

  it.each(['light', 'dark'] as const)(
    'is accessible in %s, by what axe-core can tell',
    async (colorScheme) => {
      await page.emulateMedia({ colorScheme });
      await open();
      expect(await seriousIn(page)).toEqual([]);
      await rowOf('extend-7').getByRole('button').click();
      expect(await seriousIn(page)).toEqual([]);
      await page.keyboard.press('Escape');
      await page.setViewportSize({ width: 390, height: 800 });
      expect(await seriousIn(page)).toEqual([]);
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(390);
      source.scene = 'empty';
      await page.getByText('No lock is held.').waitFor();
      expect(await seriousIn(page)).toEqual([]);
    },
  );
});
