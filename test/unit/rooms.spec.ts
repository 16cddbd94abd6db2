import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, it } from 'vitest';

const files = readdirSync('lib', { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => join('lib', file));

/** The files that a file imports from. */
function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/(?:from|import\() ?'(\.[^']+)\.js'/g)].map(([, path = '']) =>
    normalize(join(dirname(file), `${path}.ts`)),
  );
}

it('each room of lib is entered through its index.ts', () => {
  const past = files.flatMap((file) =>
    importsOf(file)
      .filter((target) => {
        const room = dirname(target);
        const within = dirname(file) === room || file.startsWith(`${room}/`);
        // What is known of a back end before its driver is loaded stands beside the door.
        const door = target === join(room, 'index.ts') || target.endsWith('.backend.ts');
        return !within && existsSync(join(room, 'index.ts')) && !door;
      })
      .map((target) => `${file} imports ${target}`),
  );
  expect(past).toEqual([]);
});
