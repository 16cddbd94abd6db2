import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  // Nest reads parameter and return types from the metadata that legacy decorators emit.
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  resolve: {
    alias: {
      'nestjs-coordination/config': fileURLToPath(new URL('./lib/config/index.ts', import.meta.url)),
      'nestjs-coordination': fileURLToPath(new URL('./lib/index.ts', import.meta.url)),
    },
  },
  test: {
    include: ['test/**/*.spec.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    setupFiles: ['reflect-metadata'],
    pool: 'forks',
    // Most tests wait for servers and processes, and leave a processor idle that the default would not use.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // vitest's own second is too short for a machine that is busy with other tests.
    expect: { poll: { timeout: 30_000 } },
  },
});
