// Packs the package and runs a small application on it, in every combination that the package promises: Nest 11 and 12,
// from ESM and CommonJS, and its test under the Jest of a new Nest 11 project. Installs from the registry, so it is a script of its own: `npm run compat`.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(fileURLToPath(import.meta.url), '../../..');
const tsc = join(root, 'node_modules/typescript/bin/tsc');
const npm = (args, cwd) =>
  execFileSync('npm', [...args, '--no-audit', '--no-fund', '--loglevel=error'], { cwd, encoding: 'utf8' });

const NEST = {
  11: { '@nestjs/config': '^4.0.0', nest: '^11.0.0', withJest: true },
  12: { '@nestjs/config': '^12.0.0', nest: '^12.0.0', withJest: false },
};
const FORMATS = { esm: 'module', commonjs: 'commonjs' };
const COMPILER_OPTIONS = {
  target: 'ES2022',
  module: 'NodeNext',
  moduleResolution: 'NodeNext',
  strict: true,
  skipLibCheck: false,
  experimentalDecorators: true,
  emitDecoratorMetadata: true,
  types: ['node'],
  lib: ['ES2023', 'ESNext.Disposable'],
};

/** Of a project that Nest 11's CLI makes, with the line of README's "Install". */
const JEST = {
  packages: {
    '@nestjs/testing': '^11.0.0',
    jest: '^30',
    'ts-jest': '^29',
    typescript: '^5',
  },
  config: {
    moduleFileExtensions: ['js', 'json', 'ts'],
    testRegex: '.*\\.spec\\.ts$',
    transform: { '^.+\\.(t|j)s$': 'ts-jest' },
    testEnvironment: 'node',
    transformIgnorePatterns: ['node_modules/(?!nestjs-coordination)'],
  },
  compilerOptions: {
    target: 'ES2023',
    strict: true,
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
    allowSyntheticDefaultImports: true,
    skipLibCheck: true,
  },
  /** New projects, and those that are some years old. */
  variants: {
    nodenext: {
      module: 'nodenext',
      moduleResolution: 'nodenext',
      isolatedModules: true,
      esModuleInterop: true,
    },
    commonjs: { module: 'commonjs', isolatedModules: true },
  },
};

const work = mkdtempSync(join(tmpdir(), 'coordination-compat-'));
try {
  npm(['run', 'build'], root);
  const tarball = npm(['pack', '--silent', '--pack-destination', work], root).trim().split('\n').at(-1);
  for (const [major, versions] of Object.entries(NEST)) {
    const folder = join(work, `nest-${major}`);
    mkdirSync(folder);
    const dependencies = {
      '@nestjs/common': versions.nest,
      '@nestjs/core': versions.nest,
      '@nestjs/platform-express': versions.nest,
      '@nestjs/config': versions['@nestjs/config'],
      'nestjs-coordination': `file:${join(work, tarball)}`,
      'reflect-metadata': '^0.2.2',
      rxjs: '^7.8.0',
      '@types/node': '^20',
      ...(versions.withJest && JEST.packages),
    };
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies }));
    npm(['install'], folder);
    for (const [format, type] of Object.entries(FORMATS)) {
      const app = join(folder, format);
      mkdirSync(app);
      writeFileSync(join(app, 'package.json'), JSON.stringify({ type }));
      writeFileSync(
        join(app, 'tsconfig.json'),
        JSON.stringify({ compilerOptions: COMPILER_OPTIONS, files: ['app.ts'] }),
      );
      copyFileSync(join(root, 'test/compat/app.ts'), join(app, 'app.ts'));
      execFileSync(process.execPath, [tsc, '-p', app], { stdio: 'inherit' });
      const env = { ...process.env, COORDINATION_BACKEND_URL: `file://${join(app, 'locks')}` };
      const output = execFileSync(process.execPath, ['app.js'], {
        cwd: app,
        env,
        encoding: 'utf8',
        timeout: 60_000,
      });
      console.log(`Nest ${major}, ${format}: ${output.trim()}`);
    }
    if (versions.withJest) runJest(folder, major);
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}

function runJest(folder, major) {
  for (const [variant, options] of Object.entries(JEST.variants)) {
    const app = join(folder, `jest-${variant}`);
    mkdirSync(app);
    const compilerOptions = { ...JEST.compilerOptions, ...options };
    writeFileSync(join(app, 'package.json'), JSON.stringify({ jest: JEST.config }));
    writeFileSync(join(app, 'tsconfig.json'), JSON.stringify({ compilerOptions }));
    copyFileSync(join(root, 'test/compat/jest.ts'), join(app, 'app.spec.ts'));
    const env = { ...process.env, COORDINATION_BACKEND_URL: `file://${join(app, 'locks')}` };
    const jest = join(folder, 'node_modules/jest/bin/jest.js');
    execFileSync(process.execPath, [jest, '--ci'], { cwd: app, env, stdio: 'pipe', timeout: 120_000 });
    console.log(`Nest ${major}, Jest, ${variant}: works`);
  }
}
