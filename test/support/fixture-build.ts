import { readdir, rm } from 'node:fs/promises';
import { basename, isAbsolute, join } from 'node:path';
import { build } from 'vite';

/** Every test and every program runs here; a compiled one that compiles another stands elsewhere itself. */
const ROOT = process.cwd();
/** Below node_modules, so that the compiled files find the same packages as the sources do. A directory per process. */
const OUTPUT = join(ROOT, 'node_modules', '.cache', 'test-fixtures');
/** This package's own doors, the longer name first: an alias stands for what begins with it, too. */
const OWN = {
  'nestjs-coordination/config': 'config/index.ts',
  'nestjs-coordination/driver-testing': 'driver-testing/index.ts',
  'nestjs-coordination/locks-store': 'locks-store/index.ts',
  'nestjs-coordination/health': 'health/index.ts',
  'nestjs-coordination/node-cron': 'node-cron/index.ts',
  'nestjs-coordination/telemetry': 'telemetry/index.ts',
  'nestjs-coordination/testing': 'testing/index.ts',
  'nestjs-coordination': 'index.ts',
};
/** What the compiler itself puts in; everything else without a path is a package. */
const HELPERS = '@oxc-project/runtime';

const built = new Map<string, Promise<string>>();
let swept: Promise<unknown> | undefined;

/**
 * Compiles a TypeScript file, with all that it imports from this repository, to JavaScript that plain Node runs.
 *
 * It uses the compiler and the decorator settings of vitest, and keeps one output file per source file, so that class
 * and parameter names survive. Each file is compiled once per test process; a later test process takes the output away.
 */
export function compileFixture(source: string): Promise<string> {
  let output = built.get(source);
  if (!output) {
    output = compile(source, join(OUTPUT, String(process.pid), String(built.size)));
    built.set(source, output);
  }
  return output;
}

async function compile(source: string, outDir: string): Promise<string> {
  await (swept ??= sweep());
  const entry = `${basename(source).replace(/\.[cm]?ts$/, '')}.fixture.mjs`;
  await build({
    root: ROOT,
    configFile: false,
    logLevel: 'error',
    publicDir: false,
    oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
    resolve: {
      alias: Object.fromEntries(Object.entries(OWN).map(([name, file]) => [name, join(ROOT, 'lib', file)])),
    },
    build: {
      ssr: source,
      outDir,
      target: 'node20',
      minify: false,
      sourcemap: 'inline',
      rolldownOptions: {
        external: isPackage,
        output: { preserveModules: true, entryFileNames: (chunk) => (chunk.isEntry ? entry : '[name].mjs') },
      },
    },
  });
  return join(outDir, entry);
}

function isPackage(id: string): boolean {
  return !id.startsWith('.') && !isAbsolute(id) && !(id in OWN) && !id.startsWith(HELPERS);
}

/** Test processes are ended from outside, so each one tidies up after those before it. */
async function sweep(): Promise<void> {
  const left = await readdir(OUTPUT).catch(() => []);
  await Promise.all(
    left
      .filter((pid) => !isAlive(Number(pid)))
      .map((pid) => rm(join(OUTPUT, pid), { recursive: true, force: true })),
  );
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    // No such process; one of another user would not have written here.
    return false;
  }
}
