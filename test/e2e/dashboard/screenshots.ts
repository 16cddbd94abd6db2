/* Takes pictures of the page: node test/support/run.mjs test/e2e/dashboard/screenshots.ts <folder> */
import 'reflect-metadata';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { launchChromium } from '../../support/chromium.js';
import { startDashboardApp } from './fixtures/dashboard-app.js';
import { madeUpPast } from './fixtures/made-up-past.js';
import { MadeUpSource, type Scene } from './fixtures/made-up-source.js';

const folder = process.argv[2] ?? 'docs/images';
const scenes = (process.argv[3]?.split(',') ?? ['busy', 'calm', 'empty', 'down']) as Scene[];
mkdirSync(folder, { recursive: true });
const browser = await launchChromium();
// Those of docs/dashboard.md.
if (folder === 'docs/images') {
  const source = new MadeUpSource('busy');
  const { app, url } = await startDashboardApp({ source, title: 'share-service', activity: madeUpPast() });
  for (const colorScheme of ['light', 'dark'] as const) {
    const page = await browser.newPage({ colorScheme, viewport: { width: 1200, height: 860 } });
    await page.goto(url);
    await page.getByText('live', { exact: true }).waitFor();
    await page.screenshot({ path: join(folder, `dashboard-${colorScheme}.jpg`), type: 'jpeg', quality: 80 });
    await page.close();
  }
  await app.close();
  scenes.length = 0;
}
for (const scene of scenes) {
  const source = new MadeUpSource(scene === 'down' ? 'busy' : scene);
  const { app, url } = await startDashboardApp({
    source,
    title: 'share-service',
    ...(scene !== 'empty' && { activity: madeUpPast() }),
  });
  for (const colorScheme of ['light', 'dark'] as const)
    for (const width of [1440, 390]) {
      const page = await browser.newPage({ colorScheme, viewport: { width, height: 900 } });
      await page.goto(url);
      await page.getByText('live', { exact: true }).waitFor();
      if (scene === 'down') {
        source.scene = 'down';
        await page
          .getByText(/does not answer/)
          .first()
          .waitFor();
      }
      await page.screenshot({ path: join(folder, `${scene}-${colorScheme}-${width}.png`), fullPage: true });
      await page.close();
      if (scene === 'down') source.scene = 'busy';
    }
  await app.close();
}
await browser.close();
