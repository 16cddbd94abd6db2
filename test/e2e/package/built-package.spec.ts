import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildPackage, type BuiltPackage } from '../../support/package-build.js';
import { startRedis, stopAllRedis } from '../../support/redis-server.js';
import { THOROUGH } from '../../support/thorough.js';

const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as {
  readonly dependencies: object;
  readonly exports: object;
};

/** How a program gets modules, by the kind of module that it is. */
const KINDS = {
  'an ES module': { type: 'module', load: (name: string) => `await import('${name}')` },
  CommonJS: { type: 'commonjs', load: (name: string) => `require('${name}')` },
} as const;
type Kind = keyof typeof KINDS;
const KIND_NAMES = Object.keys(KINDS) as Kind[];

let built: BuiltPackage;
let scratch: string;
let redisUrl: string;

beforeAll(async () => {
  built = await buildPackage();
  scratch = await mkdtemp(join(tmpdir(), 'coordination-package-'));
  redisUrl = (await startRedis()).url;
}, 240_000);

afterAll(async () => {
  await stopAllRedis();
  await rm(scratch, { recursive: true, force: true });
  await built.remove();
});

/** Runs the body in a fresh process, where it has `load` and prints what it returns. */
async function inFreshProcess(
  kind: Kind,
  body: (load: (name: string) => string) => string,
): Promise<unknown> {
  const { type, load } = KINDS[kind];
  const program = `
    const run = async () => { ${body(load)} };
    run().then((answer) => process.stdout.write('\\n' + JSON.stringify(answer)));
  `;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [`--input-type=${type}`, '--eval', program],
    {
      cwd: built.folder,
    },
  );
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');
}

/** What is loaded when a coordinator has started and stopped: dependencies of the package, and its own files. */
async function loadedFor(kind: Kind, backendUrl: string | undefined): Promise<unknown> {
  const urls = (await inFreshProcess(
    kind,
    (load) => `
      const { Session } = ${load('node:inspector')};
      const session = new Session();
      session.connect();
      const urls = [];
      session.on('Debugger.scriptParsed', ({ params }) => urls.push(params.url));
      session.post('Debugger.enable');
      ${load('reflect-metadata')};
      const { CoordinatorService } = ${load('nestjs-coordination')};
      const backendUrl = ${JSON.stringify(backendUrl)};
      if (backendUrl !== undefined) {
        const coordinator = new CoordinatorService({ backendUrl });
        await coordinator.start();
        await coordinator.stop();
      }
      return urls;
    `,
  )) as string[];
  const own = /\/nestjs-coordination\/dist\/(.+)$/;
  const packages = Object.keys(manifest.dependencies).filter((name) =>
    urls.some((url) => url.includes(`/node_modules/${name}/`)),
  );
  return { packages, files: urls.flatMap((url) => own.exec(url)?.[1] ?? []).toSorted() };
}

describe.each(KIND_NAMES)('the built package in %s', (kind) => {
  it('loads no driver when it is imported', async () => {
    expect(await loadedFor(kind, undefined)).toEqual({
      packages: ['acorn', 'ms'],
      files: ['index.js', 'shared.js'],
    });
  });

  it('loads no client of Redis and no kernel locks for memory:', async () => {
    expect(await loadedFor(kind, 'memory:')).toEqual({
      packages: ['acorn', 'ms'],
      files: ['index.js', 'memory.driver.js', 'shared.js'],
    });
  });

  it('loads the kernel locks, and no client of Redis, for file:', async () => {
    expect(await loadedFor(kind, `file://${scratch}`)).toEqual({
      packages: ['acorn', 'fs-native-extensions', 'ms'],
      files: ['file.driver.js', 'index.js', 'shared.js'],
    });
  });

  it('loads ioredis and redlock, and no kernel locks, for redis:', async () => {
    expect(await loadedFor(kind, redisUrl)).toEqual({
      packages: ['acorn', 'ioredis', 'ms', 'redlock'],
      files: ['index.js', 'redis.driver.js', 'shared.js'],
    });
  });

  it('is loaded by every path of its exports, which have their classes in common', async () => {
    const paths = Object.keys(manifest.exports).filter((path) => path !== './package.json');
    expect(
      await inFreshProcess(
        kind,
        (load) => `
          ${load('reflect-metadata')};
          const loaded = [${paths.map((path) => load(join('nestjs-coordination', path))).join(', ')}];
          const [{ InvalidOptionsError }, { coordinationConfig }] = loaded;
          // The name of this variable has a back end in it.
          process.env.COORDINATION_MAX_TTL = '5s';
          let error;
          try { await coordinationConfig(); } catch (thrown) { error = thrown; }
          return [loaded.map((exports) => Object.keys(exports).length > 0), error instanceof InvalidOptionsError];
        `,
      ),
    ).toEqual([paths.map(() => true), true]);
  });

  it('names its classes as it exports them, and keeps what their decorators say', async () => {
    expect(
      await inFreshProcess(
        kind,
        (load) => `
          ${load('reflect-metadata')};
          const own = ${load('nestjs-coordination')};
          const { NestFactory } = ${load('@nestjs/core')};
          const module = own.CoordinationModule.forRoot({ backendUrl: 'memory:' });
          const app = await NestFactory.createApplicationContext(module, { logger: false });
          const held = await app.get(own.CoordinatorService).using('a', async () => 'held');
          await app.close();
          const isClass = (value) => typeof value === 'function' && String(value).startsWith('class');
          const classes = Object.entries(own).filter(([, value]) => isClass(value));
          return {
            held,
            module: own.CoordinationModule.name,
            number: classes.length,
            misnamed: classes.filter(([name, value]) => value.name !== name).map(([name]) => name),
            parameters: Reflect.getMetadata('design:paramtypes', own.CoordinationModule).map(({ name }) => name),
          };
        `,
      ),
    ).toEqual({
      held: 'held',
      module: 'CoordinationModule',
      number: 15,
      misnamed: [],
      parameters: [
        'Object',
        'CoordinatorService',
        'ApplicationConfig',
        'HttpAdapterHost',
        'ModulesContainer',
      ],
    });
  });
});

/** The command line, which has a copy of its own of what it uses, so that no application loads what it alone needs. */
const PROGRAM = [
  'file.driver.js',
  'file.js',
  'guard.js',
  'main.js',
  'memory.driver.js',
  'postgres.open.js',
  'program.js',
  'redis.driver.js',
  'redis.js',
  'shared.js',
].map((name) => `cli/${name}`);

describe('the command line of the built package', () => {
  it.each([
    ['Redis', () => redisUrl],
    ['files', () => `file://${scratch}`],
  ])('examines %s', async (_kind, url) => {
    const program = join(built.installed, 'dist', 'cli', 'main.js');
    const { stdout } = await promisify(execFile)(process.execPath, [program, 'doctor', '--url', url()]);
    expect(stdout).toContain('✓');
  });
});

describe('the files of the built package', () => {
  async function filesOf(ending: string): Promise<string[]> {
    const entries = await readdir(join(built.installed, 'dist'), { withFileTypes: true, recursive: true });
    return entries
      .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
      .map((entry) => join(entry.parentPath, entry.name));
  }

  const importsOf = (text: string): string[] =>
    [...text.matchAll(/(?:from|import)\s*\(?\s*["']([^"']+)["']/g)].flatMap(([, name]) => name ?? []);

  it('are few modules', async () => {
    const files = (await filesOf('.js')).map((file) => relative(join(built.installed, 'dist'), file));
    expect(files.toSorted()).toEqual([
      ...PROGRAM,
      'config/index.js',
      'dashboard/index.js',
      'driver-testing/index.js',
      'file.driver.js',
      'health/index.js',
      'index.js',
      'locks-store/index.js',
      'memory.driver.js',
      'node-cron/index.js',
      'postgres.open.js',
      'redis.driver.js',
      'shared.js',
      'telemetry/index.js',
      'testing/index.js',
    ]);
  });

  it('have every declaration that an entry leads to', async () => {
    const declarations = await filesOf('.d.ts');
    for (const file of declarations) {
      const imported = importsOf(await readFile(file, 'utf8')).filter((name) => name.startsWith('.'));
      for (const name of imported)
        expect(declarations, `${file} needs ${name}`).toContain(
          join(dirname(file), name.replace(/\.js$/, '.d.ts')),
        );
    }
  });

  // Nothing but work of the compiler.
  it.runIf(THOROUGH)(
    'have declarations that hold by themselves, also for who checks those of libraries',
    async () => {
      const compilerOptions = {
        target: 'es2022',
        module: 'nodenext',
        strict: true,
        exactOptionalPropertyTypes: true,
        skipLibCheck: false,
        noEmit: true,
        types: ['node'],
      };
      const entries = ['index.d.ts', 'config/index.d.ts'];
      const files = entries.map((file) => join(built.installed, 'dist', file));
      const config = join(built.folder, 'tsconfig.json');
      await writeFile(config, JSON.stringify({ compilerOptions, files }));
      const compiler = join(process.cwd(), 'node_modules', 'typescript', 'bin', 'tsc');
      const { stdout } = await promisify(execFile)(process.execPath, [
        compiler,
        '-p',
        config,
        '--pretty',
        'false',
      ]).catch((error: { stdout: string }) => error);
      // Those of other packages do not all hold.
      const ours = stdout.split('\n').filter((line) => line.includes('nestjs-coordination/dist/'));
      expect(ours).toEqual([]);
      // It reads the types of Nest too, which takes its time on a busy machine.
    },
    240_000,
  );

  it('name an optional package only where a bundler does not look, or in its own entry', async () => {
    const files = await filesOf('.js');
    const texts = new Map<string, string>();
    for (const file of files)
      texts.set(relative(join(built.installed, 'dist'), file), await readFile(file, 'utf8'));
    const naming = (name: string): string[] =>
      [...texts].flatMap(([file, text]) => (importsOf(text).includes(name) ? file : []));
    expect(naming('@nestjs/microservices')).toEqual([]);
    expect(naming('@nestjs/config')).toEqual(['config/index.js']);
  });

  it('have nothing that Jest cannot compile to CommonJS', async () => {
    for (const file of await filesOf('.js')) {
      const code = (await readFile(file, 'utf8'))
        .split('\n')
        .filter((line) => !/^\s*(\/\*|\*|\/\/)/.test(line));
      expect(
        code.filter((line) => line.includes('import.meta')),
        file,
      ).toEqual([]);
    }
  });

  it('have source maps that lead to the lines in TypeScript', async () => {
    // None in a comment or a text.
    const made = /(?<!["'`*/].*)\bnew [A-Z]\w+/;
    let looked = 0;
    for (const file of await filesOf('.js')) {
      const code = await readFile(file, 'utf8');
      // One that only passes on what others have needs none.
      if (code.split('\n').every((line) => /^(?:import|export) \{|^$/.test(line))) continue;
      const map = new SourceMap(JSON.parse(await readFile(`${file}.map`, 'utf8')) as SourceMapPayload);
      const { sources, sourcesContent } = map.payload;
      const lines = code.split('\n');
      for (const [index, line] of lines.entries()) {
        const call = made.exec(line);
        if (!call) continue;
        const entry = map.findEntry(index, call.index);
        if (!('originalSource' in entry)) throw new Error(`${file}:${index + 1} has no source`);
        const original =
          sourcesContent[sources.indexOf(entry.originalSource)]?.split('\n')[entry.originalLine];
        expect(entry.originalSource).toMatch(/\blib\/.*\.ts$/);
        expect(original).toContain(call[0]);
        looked += 1;
      }
    }
    expect(looked).toBeGreaterThan(100);
  });
});
