import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { defineConfig, type ViteUserConfig } from 'vitest/config';

const thorough = process.env['COORDINATION_TESTS'] === 'thorough';
// Applications under test would take options from the environment, or warn of variables that they do not know.
for (const name of Object.keys(process.env)) if (name.startsWith('COORDINATION_')) delete process.env[name];

/** Tests that may share one copy of the library and of Nest in a worker, which spares a second or two for each file. */
const ROOMS = 'coordinator|driver|elections|health|inspection|module|runs|synchronized|telemetry|testing';
const SHARED = ['test/{unit,integration,verify/checker}/**/*.spec.ts', `test/e2e/@(${ROOMS})/**/*.spec.ts`];
/** Those of them that need a copy of their own: they mock a module, or look at what a whole process does. */
const ALONE = [
  'test/integration/file/{directory,failing-calls,long-lines,lost-files}.spec.ts',
  'test/e2e/coordinator/{debug-lines,start-timeout}.spec.ts',
  'test/e2e/module/optional-peers.spec.ts',
];

const tests = {
  pool: 'forks',
  env: { TESTS_AT_FULL_LENGTH: String(thorough), TESTS_RUN: randomUUID() },
  setupFiles: ['reflect-metadata'],
  testTimeout: 120_000,
  hookTimeout: 120_000,
  // vitest's own second is too short for a machine that is busy with other tests.
  expect: { poll: { timeout: 30_000 } },
} satisfies ViteUserConfig['test'];

export default defineConfig({
  // Nest reads parameter and return types from the metadata that legacy decorators emit.
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  resolve: {
    alias: {
      'nestjs-coordination/config': fileURLToPath(new URL('./lib/config/index.ts', import.meta.url)),
      'nestjs-coordination/locks-store': fileURLToPath(
        new URL('./lib/locks-store/index.ts', import.meta.url),
      ),
      'nestjs-coordination/node-cron': fileURLToPath(new URL('./lib/node-cron/index.ts', import.meta.url)),
      'nestjs-coordination/dashboard': fileURLToPath(new URL('./lib/dashboard/index.ts', import.meta.url)),
      'nestjs-coordination/health': fileURLToPath(new URL('./lib/health/index.ts', import.meta.url)),
      'nestjs-coordination/telemetry': fileURLToPath(new URL('./lib/telemetry/index.ts', import.meta.url)),
      'nestjs-coordination/driver-testing': fileURLToPath(
        new URL('./lib/driver-testing/index.ts', import.meta.url),
      ),
      'nestjs-coordination/testing': fileURLToPath(new URL('./lib/testing/index.ts', import.meta.url)),
      'nestjs-coordination': fileURLToPath(new URL('./lib/index.ts', import.meta.url)),
    },
  },
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    // Most tests wait for servers and processes, and leave processors idle that the default would not use.
    maxWorkers: thorough ? 2 : 3,
    projects: [
      {
        extends: true,
        test: {
          ...tests,
          name: 'shared',
          include: SHARED,
          exclude: ALONE,
          isolate: false,
          setupFiles: [...tests.setupFiles, 'test/support/tidy.ts'],
        },
      },
      {
        extends: true,
        test: {
          ...tests,
          name: 'isolated',
          include: ['test/{bench,types,verify}/**/*.spec.ts', `test/e2e/!(${ROOMS})/**/*.spec.ts`, ...ALONE],
          exclude: ['test/verify/checker/**'],
        },
      },
    ],
  },
});
