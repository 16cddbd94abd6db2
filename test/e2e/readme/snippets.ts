import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = resolve(fileURLToPath(import.meta.url), '../../../..');
const PAGES = ['README.md', 'docs/jobs.md'].map((page) => readFileSync(resolve(ROOT, page), 'utf8'));
/** Inside the repository, so that a snippet is compiled as any other file of it. */
const FOLDER = resolve(fileURLToPath(import.meta.url), '../.snippets');

const SNIPPET = /<!-- snippet: ([\w-]+) -->\s*```ts\n(.*?)```/gs;

/** The TypeScript snippets of README and of the pages for users by name, each written to a file of its own. */
export function writeSnippets(): ReadonlyMap<string, string> {
  mkdirSync(FOLDER, { recursive: true });
  const files = new Map<string, string>();
  for (const [, name, code] of PAGES.flatMap((page) => [...page.matchAll(SNIPPET)])) {
    const file = join(FOLDER, `${name}.ts`);
    writeFileSync(file, code!);
    files.set(name!, file);
  }
  return files;
}

/** How many TypeScript blocks those pages have, with a name or without. */
export function countBlocks(): number {
  return PAGES.reduce((sum, page) => sum + (page.match(/^```ts$/gm)?.length ?? 0), 0);
}
