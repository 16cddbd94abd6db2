// Packs the package and runs a small application on it, in every combination that the package promises: Nest 11 and 12,
// from ESM and CommonJS. Installs from the registry, so it is a script of its own: `npm run compat`.
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
  11: { '@nestjs/config': '^4.0.0', nest: '^11.0.0' },
  12: { '@nestjs/config': '^12.0.0', nest: '^12.0.0' },
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
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
