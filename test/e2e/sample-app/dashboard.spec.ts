import { join, basename } from 'node:path';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { pathToFileURL } from 'node:url';
import { rmSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CoordinatorService, LeaseLostError } from 'nestjs-coordination';
import { launchChromium } from '../../support/chromium.js';
import { chromiumPath } from '../../support/chromium-path.js';
import { buildSampleApp, DemonstrationProcess } from './demonstration-process.js';

describe.skipIf(chromiumPath() === undefined)(
  'the page of three replicas under load',
  { timeout: 120_000 },
  () => {
    let demonstration: DemonstrationProcess;
    let browser: Browser;
    let page: Page;
    let holder: CoordinatorService;

    beforeAll(async () => {
      await buildSampleApp();
      demonstration = new DemonstrationProcess({}, ['--stay']);
      await demonstration.printed('until Ctrl-C');
      holder = new CoordinatorService({
        backendUrl: pathToFileURL(join(demonstration.directory, 'locks')).href,
        prefix: `${basename(demonstration.directory)}:`,
        agentId: 'stuck-worker',
        heartbeat: 200,
      });
      await holder.start();
      browser = await launchChromium();
      page = await browser.newPage();
    }, 300_000);

    afterAll(async () => {
      await browser?.close();
      await holder?.stop();
      demonstration.kill('SIGKILL');
      await demonstration.exitCode;
      if (demonstration.directory !== '') rmSync(demonstration.directory, { recursive: true, force: true });
    });

    function rowOf(name: string) {
      return page.locator('#locks-rows tr').filter({ has: page.getByText(name, { exact: true }) });
    }

    it('is at the address that is printed, for this machine alone', async () => {
      const [, address = ''] = /page of each replica: (\S+)/.exec(demonstration.output) ?? [];
      await page.goto(address);
      await page.getByText('live', { exact: true }).waitFor();
      // As a site does whose name leads to 127.0.0.1.
      const asking = get(address, { headers: { host: 'evil.example' } });
      const [answer] = (await once(asking, 'response')) as [IncomingMessage];
      answer.resume();
      expect(answer.statusCode).toBe(403);
    });

    it('shows the replicas, their locks and what the jobs did', async () => {
      await expect.poll(() => page.locator('#members-rows tr').allInnerTexts()).toHaveLength(4);
      const members = (await page.locator('#members-rows').innerText()).match(/replica-\d/g);
      expect(new Set(members)).toEqual(new Set(['replica-1', 'replica-2', 'replica-3']));
      await expect.poll(() => page.locator('#members-rows').innerText()).toMatch(/leads/);
      await expect.poll(() => page.locator('#locks-rows tr').count()).toBeGreaterThan(0);
      await expect.poll(() => page.locator('#jobs-rows .runs').count()).toBeGreaterThan(0);
      await expect.poll(() => page.locator('#wait95').innerText()).toMatch(/\d+(\.\d)? m?s/);
    });

    it('breaks a lock that another process holds, which loses its lease for the reason given', async () => {
      const breakOnce = async (): Promise<unknown> => {
        const lease = await holder.getLock('stuck-share').hold();
        // Nobody can take a lock on files away from a process that goes on.
        lease.signal.addEventListener('abort', () => void lease.release());
        await page.getByRole('searchbox').fill('stuck');
        await expect.poll(() => rowOf('stuck-share').innerText()).toMatch(/stuck-worker/);
        await rowOf('stuck-share').getByRole('button').click();
        await page.getByLabel('Reason').fill('its worker hangs');
        await page.getByLabel('name, typed').fill('stuck-share');
        await page.getByRole('button', { name: 'Break the lock', exact: true }).click();
        const closed = page.locator('#break').waitFor({ state: 'hidden' });
        const refused = page.getByRole('alert').waitFor();
        for (const end of [closed, refused]) end.catch(() => undefined);
        const isRefused = await Promise.race([closed.then(() => false), refused.then(() => true)]);
        if (isRefused) await page.getByRole('button', { name: 'Cancel' }).click();
        await lease.release();
        return lease.signal.reason;
      };
      let reason = await breakOnce();
      // A busy machine may keep this process from its answer.
      for (let more = 4; more > 0 && !String(reason).includes('its worker hangs'); more -= 1)
        reason = await breakOnce();
      expect(reason).toBeInstanceOf(LeaseLostError);
      expect(String(reason)).toContain('its worker hangs');
    });

    it('does not hold up the end of the replicas', async () => {
      await page.getByText('live', { exact: true }).waitFor();
      demonstration.pressCtrlC();
      expect(await demonstration.exitCode, demonstration.output).toBe(0);
      await page.getByText('no connection, trying again').waitFor();
    });
  },
);
