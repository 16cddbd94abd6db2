import { existsSync } from 'node:fs';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Where a Chromium is, of the system or as CHROMIUM names it; undefined without one. */
export function chromiumPath(): string | undefined {
  const named = process.env['CHROMIUM'];
  return [...(named === undefined ? PLACES : [named])].find((place) => existsSync(place));
}
