import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const README = resolve(fileURLToPath(import.meta.url), '../../../../README.md');
/** Inside the repository, so that a snippet is compiled as any other file of it. */
const FOLDER = resolve(fileURLToPath(import.meta.url), '../.snippets');

const SNIPPET = /<!-- snippet: ([\w-]+) -->\s*```ts\n(.*?)```/gs;

/** The TypeScript snippets of README by name, each written to a file of its own. */
export function writeSnippets(): ReadonlyMap<string, string> {
  mkdirSync(FOLDER, { recursive: true });
  const files = new Map<string, string>();
  for (const [, name, code] of readFileSync(README, 'utf8').matchAll(SNIPPET)) {
    const file = join(FOLDER, `${name}.ts`);
    writeFileSync(file, code!);
    files.set(name!, file);
  }
  return files;
}

/** How many TypeScript blocks README has, with a name or without. */
export function countBlocks(): number {
  return readFileSync(README, 'utf8').match(/^```ts$/gm)?.length ?? 0;
}
