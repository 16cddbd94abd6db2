import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = resolve(fileURLToPath(import.meta.url), '../../../..');
/** The pages whose snippets are run. */
const PAGES = [
  'README.md',
  'docs/tutorial.md',
  'docs/jobs.md',
  'docs/elections.md',
  'docs/choosing-a-lock.md',
  'docs/postgres.md',
  'docs/shared-locks-and-semaphores.md',
  'docs/configuration.md',
  'docs/request-handlers.md',
  'docs/locks.md',
  'docs/waiting.md',
  'docs/fencing.md',
  'docs/events.md',
  'docs/observing.md',
  'docs/telemetry.md',
  'docs/health.md',
  'docs/dashboard.md',
  'docs/unit-tests.md',
].map((page) => join(ROOT, page));
/** Inside the repository, so that a snippet is compiled as any other file of it. */
const FOLDER = resolve(fileURLToPath(import.meta.url), '../.snippets');

const SNIPPET = /<!-- snippet: ([\w-]+) -->\s*```ts\n(.*?)```/gs;

/** The TypeScript snippets of these pages by name, each written to a file of its own. */
export function writeSnippets(): ReadonlyMap<string, string> {
  mkdirSync(FOLDER, { recursive: true });
  const files = new Map<string, string>();
  for (const [, name, code] of text().matchAll(SNIPPET)) {
    const file = join(FOLDER, `${name}.ts`);
    writeFileSync(file, code!);
    files.set(name!, file);
  }
  return files;
}

/** How many TypeScript blocks they have, with a name or without. */
export function countBlocks(): number {
  return text().match(/^```ts$/gm)?.length ?? 0;
}

function text(): string {
  return PAGES.map((page) => readFileSync(page, 'utf8')).join('\n');
}
