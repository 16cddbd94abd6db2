import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

it('the bundled page is what its sources make: npm run build:page', async () => {
  // In a process of its own, as vitest would transform the bundler's module.
  const program = `import('./build/page.mjs').then(async ({ bundledPage }) => process.stdout.write(await bundledPage()))`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--eval', program]);
  expect(stdout === readFileSync('lib/dashboard/page/bundled.ts', 'utf8')).toBe(true);
});
