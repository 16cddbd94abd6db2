// The second step of `npm run build`: joins the many modules that `nest build` has written to dist into a few, as loading a
// module costs more than running it. A driver stays a module of its own, which is loaded when its URL is used. TypeScript has
// compiled the decorators and their metadata already; types stay in the files that the entries lead to.
import { mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');
/** The tests build into a folder of their own. */
const DIST = resolve(ROOT, process.argv[2] ?? 'dist');
const { exports, bin } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

/** The modules that applications import, as package.json has them. */
const ENTRIES = Object.values(exports).flatMap(({ default: entry }) =>
  entry ? [join(DIST, relative('dist', entry))] : [],
);

/** The programs that npm puts beside those of an application. */
const PROGRAMS = Object.values(bin).map((entry) => join(DIST, relative('dist', entry)));

/** Helpers for CommonJS, of which there is none here; Jest on Nest 11 cannot compile the `import.meta` in it. */
const RUNTIME = 'rolldown-runtime.js';

/** So that the source maps lead to what TypeScript has compiled, not to what it made of it. */
const withSourceMaps = {
  name: 'with-source-maps',
  load(id) {
    if (!id.startsWith(DIST)) return null;
    const read = (file) => readFileSync(file, 'utf8');
    return { code: read(id), map: JSON.parse(read(`${id}.map`)) };
  },
};

const bundle = await rolldown({
  input: Object.fromEntries(
    [...ENTRIES, ...PROGRAMS].map((entry) => [relative(DIST, entry).replace(/\.js$/, ''), entry]),
  ),
  external: (id) => !id.startsWith('.') && !isAbsolute(id),
  platform: 'node',
  // What is cut out or drawn together no longer stands where the source map says.
  treeshake: false,
  plugins: [withSourceMaps],
  onLog(_level, { message }) {
    throw new Error(message);
  },
});
const { output } = await bundle.generate({
  format: 'esm',
  sourcemap: true,
  minify: false,
  entryFileNames: '[name].js',
  chunkFileNames: '[name].js',
  codeSplitting: {
    groups: [
      // A process of its own, which is to be there at once.
      { name: 'cli-guard', test: /[\\/]cli[\\/]guard\.js$/, priority: 1 },
      { name: 'shared', minShareCount: 2 },
    ],
  },
});
await bundle.close();
const files = output.flatMap((made) => {
  const { fileName } = made;
  if (fileName === RUNTIME) return [];
  if (made.type === 'asset') return [{ fileName, text: made.source }];
  // The line stays, as source maps count them.
  const text = made.code.replace(/^(#!.*\n)?import "(?:\.{1,2}\/)+rolldown-runtime\.js";/, '$1');
  if (text.includes(RUNTIME)) throw new Error(`${fileName} needs ${RUNTIME}, which is left out`);
  // Nest, logs and errors show the names of classes.
  const [renamed] = /\b(?:class \w+\$\d+|\w+\$\d+ = class)\b/.exec(text) ?? [];
  if (renamed)
    throw new Error(`two classes of ${fileName} have one name: ${renamed}; give one of them another`);
  return [{ fileName, text }];
});

const types = typesFrom(ENTRIES.map((entry) => entry.replace(/\.js$/, '.d.ts')));
for (const file of filesIn(DIST)) if (!types.has(file)) rmSync(file);
removeEmptyFolders(DIST);
for (const { fileName, text } of files) {
  mkdirSync(dirname(join(DIST, fileName)), { recursive: true });
  writeFileSync(join(DIST, fileName), text);
}

/** The declarations that the entries lead to. */
function typesFrom(entries) {
  const found = new Set();
  const queue = [...entries];
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (found.has(file)) continue;
    found.add(file);
    for (const [, path] of readFileSync(file, 'utf8').matchAll(
      /(?:from|import)\s*\(?\s*['"](\.[^'"]+)\.js['"]/g,
    ))
      queue.push(`${resolve(dirname(file), path)}.d.ts`);
  }
  return found;
}

function filesIn(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

function removeEmptyFolders(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true }))
    if (entry.isDirectory()) removeEmptyFolders(join(folder, entry.name));
  if (readdirSync(folder).length === 0) rmdirSync(folder);
}
