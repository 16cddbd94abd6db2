import { THOROUGH } from '../../support/thorough.js';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const PROGRAM = fileURLToPath(new URL('./clients.ts', import.meta.url));
const RUN = fileURLToPath(new URL('../../support/run.mjs', import.meta.url));

/** In short, one of each protocol: `pipelined` and HTTP/2 are cut on each of their hosts anyway. */
const HOSTS = THOROUGH ? [] : ['express', 'HTTP/2'];

describe('clients that leave at random moments', () => {
  it('leave no lock, listener or memory behind, on any kind of host', async () => {
    const result = await promisify(execFile)(process.execPath, [
      RUN,
      PROGRAM,
      '--short',
      ...HOSTS.flatMap((host) => ['--host', host]),
    ]).then(
      ({ stdout, stderr }) => ({ code: 0, output: stdout + stderr }),
      (error: { code: number; stdout: string; stderr: string }) => ({
        code: error.code,
        output: error.stdout + error.stderr,
      }),
    );
    expect(result.code, result.output).toBe(0);
    expect(result.output.match(/all free, nothing grew/g)).toHaveLength(THOROUGH ? 8 : 5);
  }, 240_000);
});
