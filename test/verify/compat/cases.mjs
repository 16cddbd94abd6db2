import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Project, ROOT, run, withRedis } from './project.mjs';

const NEST_11 = {
  '@nestjs/common': '^11.0.0',
  '@nestjs/core': '^11.0.0',
  '@nestjs/platform-express': '^11.0.0',
  'reflect-metadata': '^0.2.2',
  rxjs: '^7.8.0',
  '@types/node': '^20',
  typescript: '~5.9.0',
};
const NEST_12 = {
  ...NEST_11,
  '@nestjs/common': '^12.0.0',
  '@nestjs/core': '^12.0.0',
  '@nestjs/platform-express': '^12.0.0',
  typescript: '~6.0.0',
};
const CONFIG_4 = { '@nestjs/config': '^4.0.0' };
const CONFIG_12 = { '@nestjs/config': '^12.0.0' };

const COMPILER_OPTIONS = {
  target: 'ES2022',
  module: 'NodeNext',
  moduleResolution: 'NodeNext',
  strict: true,
  skipLibCheck: false,
  experimentalDecorators: true,
  emitDecoratorMetadata: true,
  declaration: true,
  types: ['node'],
  lib: ['ES2023', 'ESNext.Disposable'],
};

/** What the application and its compiler were, for the table. */
const versionsOf = (project, ...packages) =>
  packages.map((name) => `${name.split('/').at(-1)} ${project.version(name)}`).join(', ');

/** Compiles one of `sources` with the application's own TypeScript, as an ES module or as CommonJS. */
async function compile(project, source, { type = 'module', options = {} } = {}) {
  const folder = `${source}-${type}`;
  project.copy({ [`${source}.ts`]: `${folder}/${source}.ts` });
  project.write({
    [`${folder}/package.json`]: { type },
    [`${folder}/tsconfig.json`]: {
      compilerOptions: { ...COMPILER_OPTIONS, ...options },
      files: [`${source}.ts`],
    },
  });
  await project.bin('tsc', ['-p', folder]);
  return `${folder}/${source}.js`;
}

/** Nest's own compiler, in a project as `nest new` makes it. */
async function nestBuild(project, builder, packages) {
  await project.install({ ...NEST_11, ...CONFIG_4, '@nestjs/cli': '^11.0.0', ...packages });
  project.copy({ 'app.ts': 'src/main.ts' });
  project.write({
    'nest-cli.json': { sourceRoot: 'src', compilerOptions: { builder } },
    'tsconfig.json': {
      compilerOptions: { ...COMPILER_OPTIONS, skipLibCheck: true, outDir: 'dist' },
      include: ['src'],
    },
  });
  await project.bin('nest', ['build']);
  await project.works('dist/main.js');
  return versionsOf(project, '@nestjs/core', '@nestjs/cli', ...Object.keys(packages));
}

/** Of a project that Nest 11's CLI makes, with the line of README's "Install". */
async function jest(project, manager) {
  const packages = {
    ...NEST_11,
    ...CONFIG_4,
    '@nestjs/testing': '^11.0.0',
    jest: '^30',
    'ts-jest': '^29',
  };
  const config = {
    moduleFileExtensions: ['js', 'json', 'ts'],
    testRegex: '.*\\.spec\\.ts$',
    transform: { '^.+\\.(t|j)s$': 'ts-jest' },
    moduleNameMapper: { '^(\\./.*)\\.js$': '$1' },
    testEnvironment: 'node',
    collectCoverageFrom: ['pages.service.ts'],
    transformIgnorePatterns: [transformIgnorePattern()],
  };
  // New projects, and those that are some years old.
  const variants = {
    nodenext: { module: 'nodenext', moduleResolution: 'nodenext', esModuleInterop: true },
    commonjs: { module: 'commonjs' },
  };
  await project.install(packages, { manager });
  for (const [variant, options] of Object.entries(variants)) {
    const app = new Project(join(project.folder, variant), project.tarball);
    app.copy({ 'pages-spec.ts': 'pages.spec.ts', 'pages.service.ts': 'pages.service.ts' });
    app.write({
      'package.json': { jest: config },
      'tsconfig.json': {
        compilerOptions: {
          target: 'ES2023',
          strict: true,
          isolatedModules: true,
          experimentalDecorators: true,
          emitDecoratorMetadata: true,
          allowSyntheticDefaultImports: true,
          skipLibCheck: true,
          ...options,
        },
      },
    });
    const bin = join(project.folder, 'node_modules/jest/bin/jest.js');
    await app.run(process.execPath, [bin, '--ci', '--coverage']);
  }
  return versionsOf(project, '@nestjs/core', 'jest', 'ts-jest');
}

/** The one that README tells to paste. */
function transformIgnorePattern() {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const [, pattern] = /transformIgnorePatterns: \['([^']+)'\]/.exec(readme) ?? [];
  if (!pattern) throw new Error('README has no transformIgnorePatterns');
  return pattern.replaceAll('\\\\', '\\');
}

async function vitest(project) {
  const packages = {
    ...NEST_12,
    ...CONFIG_12,
    '@nestjs/testing': '^12.0.0',
    vitest: '^4',
    '@vitest/coverage-istanbul': '^4',
    'unplugin-swc': '^1',
    '@swc/core': '^1',
  };
  await project.install(packages, { manifest: { type: 'module' } });
  project.copy({ 'pages-spec.ts': 'pages.spec.ts', 'pages.service.ts': 'pages.service.ts' });
  project.write({
    'tsconfig.json': { compilerOptions: COMPILER_OPTIONS },
    'vitest.config.js': `
      import swc from 'unplugin-swc';
      export default {
        test: { globals: true, coverage: { provider: 'istanbul', include: ['pages.service.ts'] } },
        plugins: [swc.vite({ module: { type: 'es6' } })],
      };`,
  });
  await project.bin('vitest', ['run', '--coverage']);
  return versionsOf(project, '@nestjs/core', 'vitest');
}

/** README's quick start and install line as pasted. */
async function quickStart(project, packages) {
  await project.install(packages, { ours: false });
  await project.add();
  const [, code] =
    /<!-- snippet: quick-start -->\s*```ts\n(.*?)```/s.exec(readFileSync(join(ROOT, 'README.md'), 'utf8')) ??
    [];
  project.write({
    'main.ts': code ?? '',
    'tsconfig.json': { compilerOptions: COMPILER_OPTIONS, files: ['main.ts'] },
    // Starts it, asks it once, and ends it.
    'once.mjs': `
      import { spawn } from 'node:child_process';
      const server = spawn(process.execPath, ['main.js'], { env: { ...process.env, PORT: '0' } });
      let printed = '';
      const ended = new Promise((resolve) => server.once('close', resolve));
      const started = new Promise((resolve) => server.stdout.on('data', (text) => {
        printed += text;
        if (printed.includes('successfully started')) resolve();
      }));
      server.stderr.on('data', (text) => (printed += text));
      await Promise.race([started, ended]);
      server.kill('SIGTERM');
      await ended;
      console.log(printed);
      console.log(/successfully started/.test(printed) && !/ERROR|Error:/.test(printed) ? 'works' : 'does not start');
    `,
  });
  await project.bin('tsc', ['-p', '.']);
  await project.works('once.mjs');
  return versionsOf(project, '@nestjs/core', 'typescript');
}

async function tsc(project, packages) {
  await project.install(packages);
  for (const type of ['module', 'commonjs']) await project.works(await compile(project, 'app', { type }));
  return versionsOf(project, '@nestjs/core', '@nestjs/config', 'typescript');
}

async function jobs(project, packages) {
  await project.install(packages);
  // The declarations of luxon do not stand up to the checks of this compiler.
  const options = { skipLibCheck: true };
  for (const type of ['module', 'commonjs'])
    await project.works(await compile(project, 'jobs', { type, options }));
  return versionsOf(project, '@nestjs/core', '@nestjs/schedule', 'cron');
}

/** What Nest looks for in case it is there. */
const OPTIONAL = [
  '@nestjs/microservices',
  '@nestjs/microservices/microservices-module',
  '@nestjs/microservices/microservices-module.js',
  '@nestjs/websockets/socket-module',
  '@nestjs/websockets/socket-module.js',
  '@nestjs/platform-express',
  'class-transformer',
  'class-transformer/storage',
  'class-validator',
  '@fastify/static',
  'file-type',
];

/** Bundlers do not write the metadata of decorators, so they are given what TypeScript has compiled. */
async function bundled(project, packages, bundle) {
  await project.install({ ...NEST_11, ...packages });
  const input = await compile(project, 'bundled');
  for (const minify of [false, true]) {
    for (const withAddOn of [true, false]) {
      const output = `bundle-${minify ? 'minified' : 'plain'}-${withAddOn ? 'add-on-outside' : 'whole'}.cjs`;
      await bundle({
        input,
        output,
        minify,
        external: withAddOn ? [...OPTIONAL, 'fs-native-extensions/*'] : OPTIONAL,
      });
      await project.works(output, {
        env: withAddOn ? {} : { EXPECTED_ON_FILES: 'the file back end has no kernel locks here' },
      });
    }
  }
  return versionsOf(project, '@nestjs/core', ...Object.keys(packages));
}

const esbuild = (project) =>
  bundled(project, { esbuild: '^0.25.0' }, ({ input, output, minify, external }) =>
    project.bin('esbuild', [
      input,
      '--bundle',
      '--platform=node',
      '--format=cjs',
      '--target=node20',
      `--outfile=${output}`,
      ...(minify ? ['--minify'] : []),
      ...external.map((name) => `--external:${name}`),
    ]),
  );

const rspack = (project) =>
  bundled(project, { '@rspack/core': '^1', '@rspack/cli': '^1' }, ({ input, output, minify, external }) => {
    const externals = external.map((name) =>
      name.endsWith('/*') ? `/^${name.slice(0, -2)}\\//` : JSON.stringify(name),
    );
    project.write({
      'rspack.config.cjs': `module.exports = {
        mode: ${minify ? "'production'" : "'development'"},
        devtool: false,
        target: 'node20',
        entry: './${input}',
        output: { path: __dirname, filename: '${output}' },
        externals: [${externals.join(', ')}],
        externalsType: 'commonjs',
        optimization: { nodeEnv: false },
        ignoreWarnings: [/./],
      };`,
    });
    return project.bin('rspack', ['build', '-c', 'rspack.config.cjs']);
  });

async function lowestPeers(project, packages) {
  await project.install({ ...NEST_11, ...packages, 'reflect-metadata': '0.2.0', rxjs: '7.2.0' });
  // The libraries of those days do not all stand up to the checks of a later compiler.
  const options = { skipLibCheck: true };
  for (const type of ['module', 'commonjs'])
    await project.works(await compile(project, 'app', { type, options }));
  const PORT = String(20_000 + (process.pid % 10_000));
  // Only the resolution of those days finds the types of rxjs 7.2.
  const messages = await compile(project, 'messages', { type: 'commonjs', options: NODE_10 });
  await project.works(messages, { env: { PORT } });
  return versionsOf(
    project,
    '@nestjs/core',
    '@nestjs/config',
    '@nestjs/microservices',
    'reflect-metadata',
    'rxjs',
  );
}

async function nodeVersion(project, node) {
  await project.install({ ...NEST_12, ...CONFIG_12 });
  for (const type of ['module', 'commonjs'])
    await project.works(await compile(project, 'app', { type }), { node });
  const version = await project.run('npx', ['-y', '-p', `node@${node}`, '-c', 'node -p process.version']);
  return `node ${version.trim()}, ${versionsOf(project, '@nestjs/core')}`;
}

/** @param resolutions those of `module` and `moduleResolution` that this compiler has */
async function types(project, packages, resolutions) {
  await project.install({ ...NEST_12, ...CONFIG_12, ...packages });
  for (const [index, options] of resolutions.entries()) {
    for (const type of options.module === 'NodeNext' ? ['module', 'commonjs'] : ['commonjs']) {
      const folder = `types-${index}-${type}`;
      project.copy({ 'types.ts': `${folder}/types.ts` });
      project.write({
        [`${folder}/package.json`]: { type },
        [`${folder}/tsconfig.json`]: {
          compilerOptions: { ...COMPILER_OPTIONS, ...options },
          files: ['types.ts'],
        },
      });
      await project.bin('tsc', ['-p', folder]);
    }
  }
  return versionsOf(project, 'typescript', '@nestjs/core');
}

const NODENEXT = { module: 'NodeNext', moduleResolution: 'NodeNext' };
const BUNDLER = { module: 'ESNext', moduleResolution: 'Bundler' };
/** Of projects that are some years old. Nest 12 itself cannot be checked so. */
const NODE_10 = { module: 'CommonJS', moduleResolution: 'Node10', skipLibCheck: true };

async function ioredis(project, range) {
  await project.install({ ...NEST_12, ioredis: range });
  const program = await compile(project, 'clients');
  await withRedis(project.folder, (REDIS_URL) => project.works(program, { env: { REDIS_URL } }));
  return versionsOf(project, 'ioredis', '@nestjs/core');
}

async function bun(project) {
  await project.install({ ...NEST_12, bun: '^1' });
  const program = await compile(project, 'bundled');
  // Its package is a command that its install script would put there.
  const output = await project.run('npx', ['-y', '-p', 'bun', '-c', `bun ${program}`], {
    EXPECTED_ON_FILES: 'the file back end does not work on Bun',
  });
  if (!output.trimEnd().endsWith('works')) throw new Error(output);
  return versionsOf(project, 'bun', '@nestjs/core');
}

async function messagesWithPnpm(project) {
  const packages = { ...NEST_12, '@nestjs/microservices': '^12.0.0' };
  await project.install(packages, { manager: 'pnpm' });
  const PORT = String(30_000 + (process.pid % 10_000));
  await project.works(await compile(project, 'messages'), { env: { PORT } });
  return versionsOf(project, '@nestjs/core', '@nestjs/microservices');
}

async function packageItself(project) {
  const publint = await run('npx', ['-y', 'publint@0.3', project.tarball, '--strict'], {
    cwd: project.folder,
  });
  if (!publint.includes('All good')) throw new Error(publint);
  // ESM only, which `require` of Node 20.19 and later loads.
  const attw = ['-y', '@arethetypeswrong/cli@0.18', project.tarball, '--ignore-rules', 'cjs-resolves-to-esm'];
  await run('npx', attw, { cwd: project.folder });
  return 'publint 0.3, attw 0.18';
}

/** Each can be run alone. `short`: tells most in little time. */
export const CASES = [
  { name: 'package', what: 'publint and attw on the tarball', short: true, run: packageItself },
  {
    name: 'nest-11-quick-start',
    what: "README's install line and quick start",
    run: (project) => quickStart(project, NEST_11),
  },
  {
    name: 'nest-12-quick-start',
    what: "README's install line and quick start",
    short: true,
    run: (project) => quickStart(project, NEST_12),
  },
  {
    name: 'nest-11-tsc',
    what: 'ESM and CommonJS',
    run: (project) => tsc(project, { ...NEST_11, ...CONFIG_4 }),
  },
  {
    name: 'nest-11-webpack',
    what: '`nest build` with webpack',
    // The CLI brings neither any more.
    run: (project) => nestBuild(project, 'webpack', { 'ts-loader': '^9', webpack: '^5' }),
  },
  {
    name: 'nest-11-swc',
    what: '`nest build` with SWC',
    run: (project) => nestBuild(project, 'swc', { '@swc/cli': '^0.7.0', '@swc/core': '^1' }),
  },
  {
    name: 'nest-11-jest-npm',
    what: 'ts-jest, istanbul coverage',
    short: true,
    run: (project) => jest(project, 'npm'),
  },
  {
    name: 'nest-11-jest-pnpm',
    what: 'ts-jest, istanbul coverage',
    run: (project) => jest(project, 'pnpm'),
  },
  {
    name: 'nest-11-jest-yarn',
    what: 'ts-jest, istanbul coverage',
    run: (project) => jest(project, 'yarn'),
  },
  {
    name: 'nest-12-tsc',
    what: 'ESM and CommonJS',
    run: (project) => tsc(project, { ...NEST_12, ...CONFIG_12 }),
  },
  { name: 'nest-12-vitest', what: 'SWC, istanbul coverage', run: vitest },
  { name: 'nest-12-messages-pnpm', what: 'a hybrid application, strict node_modules', run: messagesWithPnpm },
  { name: 'esbuild', what: 'bundles, minified and not, with and without the add-on', run: esbuild },
  { name: 'rspack', what: 'bundles, minified and not, with and without the add-on', run: rspack },
  { name: 'bun', what: '`memory:`, and what `file:` says', run: bun },
  {
    name: 'lowest-peers-11',
    what: 'each peer at its lowest',
    run: (project) =>
      lowestPeers(project, {
        '@nestjs/common': '11.0.0',
        '@nestjs/core': '11.0.0',
        '@nestjs/platform-express': '11.0.0',
        '@nestjs/microservices': '11.0.0',
        '@nestjs/config': '4.0.0',
      }),
  },
  {
    name: 'nest-11-jobs',
    what: '`@RunOnce` beside `@Cron` and `@Interval`, ESM and CommonJS',
    run: (project) => jobs(project, { ...NEST_11, '@nestjs/schedule': '^6.0.0' }),
  },
  {
    name: 'nest-12-jobs',
    what: 'the same',
    run: (project) => jobs(project, { ...NEST_12, '@nestjs/schedule': '^12.0.0' }),
  },
  {
    name: 'lowest-peers-12',
    what: 'each peer at its lowest of Nest 12 that npm can install: those of 12.0.0 ask for Nest 11',
    run: (project) =>
      lowestPeers(project, {
        '@nestjs/common': '12.0.1',
        '@nestjs/core': '12.0.1',
        '@nestjs/platform-express': '12.0.1',
        '@nestjs/microservices': '12.0.1',
        '@nestjs/config': '12.0.0',
      }),
  },
  ...['20.19.0', '22.12.0', '24'].map((node) => ({
    name: `node-${node}`,
    what: 'ESM and CommonJS on files',
    run: (project) => nodeVersion(project, node),
  })),
  {
    name: 'typescript-5.9',
    what: 'the types, NodeNext, Bundler and Node10',
    run: (project) => types(project, { typescript: '~5.9.0' }, [NODENEXT, BUNDLER, NODE_10]),
  },
  {
    name: 'typescript-6',
    what: 'the types, NodeNext and Bundler',
    run: (project) => types(project, { typescript: '~6.0.0' }, [NODENEXT, BUNDLER]),
  },
  {
    name: 'typescript-7',
    what: 'the types, NodeNext and Bundler',
    run: (project) => types(project, { typescript: '^7.0.0' }, [NODENEXT, BUNDLER]),
  },
  ...['5', '6'].map((major) => ({
    name: `ioredis-${major}`,
    what: 'ready clients of the application',
    run: (project) => ioredis(project, `^${major}`),
  })),
];
