import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

it('measures until when a killed holder is missed, on every back end', { timeout: 300_000 }, async () => {
  const args = [path('../../support/run.mjs'), path('./main.ts'), '--runs', '1', '--ttl', '500'];
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...args,
    '--only',
    'kill -9 of the holder',
  ]);
  for (const on of ['files', 'one Redis node', '3 Redis nodes']) {
    expect(stdout).toMatch(new RegExp(`${on} +kill -9 of the holder +\\d+\\.\\d`));
  }
});
