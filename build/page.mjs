// Makes lib/dashboard/page/bundled.ts of the sources of the dashboard's page beside it. The result is kept with the sources, so that
// tests and the sample application need no build; test/unit/dashboard/bundled.spec.ts fails when it is not what they make.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const PAGE = resolve(dirname(fileURLToPath(import.meta.url)), '../lib/dashboard/page');

/** The text of bundled.ts. */
export async function bundledPage() {
  const bundle = await rolldown({ input: join(PAGE, 'client/main.ts'), platform: 'browser' });
  const { output } = await bundle.generate({ format: 'iife', minify: true });
  await bundle.close();
  const read = (name) => readFileSync(join(PAGE, name), 'utf8');
  const css = read('style.css')
    .replaceAll(/\/\*.*?\*\//gs, '')
    .replaceAll(/\s*\n\s*/g, '')
    .trim();
  const html = read('page.html').replaceAll(/\s*\n\s*/g, '\n');
  return [
    '// Made by build/page.mjs of the files beside it: change those, and run `npm run build:page`.',
    ...Object.entries({ HTML: html, STYLE: css, SCRIPT: output[0].code.trim() }).map(
      ([name, text]) => `export const ${name} = ${JSON.stringify(text)};`,
    ),
    '',
  ].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  writeFileSync(join(PAGE, 'bundled.ts'), await bundledPage());
