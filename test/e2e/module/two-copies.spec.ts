import { execFile } from 'node:child_process';
import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compileFixture } from '../../support/fixture-build.js';

/** A library with a service under `@Synchronized`; it may have a copy of the package of its own. */
const LIBRARY = `
import { Injectable } from '@nestjs/common';
import { Lock, Synchronized } from 'nestjs-coordination';
export const lockOf = (coordinator) => new Lock('x', {}, coordinator);
export function serviceOf(coordinator) {
  class Shares { async extend() { return 'extended'; } }
  const place = Object.getOwnPropertyDescriptor(Shares.prototype, 'extend');
  const synchronized = Synchronized('x', { coordinator, returns: 'promise' })(Shares.prototype, 'extend', place);
  Object.defineProperty(Shares.prototype, 'extend', synchronized ?? place);
  Injectable()(Shares);
  return Shares;
}
`;

const HEADER = `
import 'reflect-metadata';
import { createRequire } from 'node:module';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { CoordinationModule, CoordinatorService } from 'nestjs-coordination';
const boot = async (providers, name) => {
  class App {}
  Module({ imports: [CoordinationModule.forRoot({ backendUrl: 'memory:', name })], providers })(App);
  return NestFactory.createApplicationContext(App, { abortOnError: false });
};
`;

const MAIN = {
  'a service of the library': `${HEADER}
    import { serviceOf } from 'shares';
    await boot([serviceOf(undefined)]).then((app) => app.close(), (error) => console.log('boot fails', error.message));
  `,
  'a service of the library, with a named coordinator': `${HEADER}
    import { serviceOf } from 'shares';
    const Shares = serviceOf('reports');
    const app = await boot([Shares], 'reports');
    console.log(await app.get(Shares).extend().catch((error) => error.message));
    await app.close();
  `,
  'a library that is loaded after the boot': `${HEADER}
    const app = await boot([]);
    const { lockOf } = await import('shares');
    try { lockOf(app.get(CoordinatorService)); } catch (error) { console.log(error.message); }
    await app.close();
  `,
  'a library that is loaded by require, too': `${HEADER}
    import { serviceOf } from 'shares';
    createRequire(import.meta.url)('nestjs-coordination');
    const Shares = serviceOf(undefined);
    const app = await boot([Shares]);
    console.log(await app.get(Shares).extend());
    await app.close();
  `,
};

let folder: string;
let copy: string;

beforeAll(async () => {
  copy = dirname(await compileFixture(resolve('lib/index.ts')));
  // Below node_modules, so that Nest is found, and is one for all.
  folder = `${copy}-copies`;
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs an application that has the package, with a library that has one of its own or takes the application's. */
async function run(main: keyof typeof MAIN, copies: 1 | 2): Promise<string> {
  const place = join(folder, `${Object.keys(MAIN).indexOf(main)}-${copies}`);
  const library = join(place, 'node_modules/shares');
  await mkdir(library, { recursive: true });
  await installAt(place);
  if (copies === 2) await installAt(library);
  await writeFile(join(library, 'package.json'), '{ "type": "module", "exports": "./index.js" }');
  await writeFile(join(library, 'index.js'), LIBRARY);
  await writeFile(join(place, 'main.mjs'), MAIN[main]);
  const env = { ...process.env, NO_COLOR: '1' };
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['main.mjs'], { cwd: place, env });
  return stdout + stderr;
}

async function installAt(place: string): Promise<void> {
  const target = join(place, 'node_modules/nestjs-coordination');
  await cp(copy, target, { recursive: true });
  await writeFile(join(target, 'package.json'), '{ "type": "module", "exports": "./index.fixture.mjs" }');
}

function warningsOf(output: string): string[] {
  return output.split('\n').filter((line) => line.includes('WARN') && line.includes('copies'));
}

describe('two installed copies of the package', () => {
  it.each(Object.keys(MAIN).slice(0, 3) as (keyof typeof MAIN)[])(
    'are told of in one line, with where they are and what to do: %s',
    async (main) => {
      const output = await run(main, 2);
      expect(warningsOf(output), output).toEqual([
        expect.stringMatching(
          /2 copies of nestjs-coordination are loaded \(.*, .*\/shares\/node_modules\/nestjs-coordination\/.*\); .*install one for all, see npm ls nestjs-coordination/,
        ),
      ]);
    },
  );

  it.each(Object.keys(MAIN).slice(1, 3) as (keyof typeof MAIN)[])(
    'are named by who gets a coordinator of the other one: %s',
    async (main) => {
      expect(await run(main, 2)).toMatch(
        /^.*its coordinator is of another copy of nestjs-coordination; two copies are installed, see npm ls nestjs-coordination, and both sides have to use one$/m,
      );
    },
  );
});

describe('one copy of the package', () => {
  it('is told of in no line, however it is loaded', async () => {
    const output = await run('a library that is loaded by require, too', 1);
    expect(output).toContain('extended');
    expect(warningsOf(output)).toEqual([]);
  });
});
