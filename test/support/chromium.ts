import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Where a Chromium is, of the system or as CHROMIUM names it; undefined without one. */
export function chromiumPath(): string | undefined {
  const named = process.env['CHROMIUM'];
  return [...(named === undefined ? PLACES : [named])].find((place) => existsSync(place));
}

/** A browser without a window, and without the requests that Chromium makes by itself. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: chromiumPath(),
    args: ['--no-sandbox', '--disable-background-networking', '--disable-component-update'],
  });
}
