import { type Browser, chromium } from 'playwright-core';
import { chromiumPath } from './chromium-path.js';

/** A browser without a window, and without the requests that Chromium makes by itself. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: chromiumPath(),
    args: ['--no-sandbox', '--disable-background-networking', '--disable-component-update'],
  });
}
