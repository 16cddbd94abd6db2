import { THOROUGH } from '../../support/thorough.js';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

it.runIf(THOROUGH)(
  'measures until when a killed holder is missed, on every back end',
  async () => {
    const args = [path('../../support/run.mjs'), path('./main.ts'), '--runs', '1', '--ttl', '3000'];
    const { stdout } = await promisify(execFile)(process.execPath, [
      ...args,
      '--only',
      'kill -9 of the holder',
    ]);
    for (const on of ['files', 'one Redis node', '3 Redis nodes']) {
      expect(stdout).toMatch(new RegExp(`${on} +kill -9 of the holder +\\d+\\.\\d`));
    }
  },
  300_000,
);
