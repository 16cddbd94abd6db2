import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { THOROUGH } from '../../support/thorough.js';
import { grownCounts, same, told, atMost } from './counts.js';
import { heapGrew, slopeOf } from './heap.js';
import { PLANTS } from './plants.js';

const PROGRAM = fileURLToPath(new URL('./main.ts', import.meta.url));
const RUN = fileURLToPath(new URL('../../support/run.mjs', import.meta.url));

/** In short, one whose connections are cut. */
const BACKENDS = THOROUGH ? ['memory:', 'file:', 'redis 1', 'redis 3'] : ['redis 1'];

interface Result {
  readonly code: number;
  readonly output: string;
}

describe('after some thousand cycles', () => {
  let result: Result;

  beforeAll(async () => {
    result = await promisify(execFile)(process.execPath, [
      RUN,
      PROGRAM,
      '--short',
      ...BACKENDS.flatMap((id) => ['--backend', id]),
    ]).then(
      ({ stdout, stderr }) => ({ code: 0, output: stdout + stderr }),
      (error: { code: number; stdout: string; stderr: string }) => ({
        code: error.code,
        output: error.stdout + error.stderr,
      }),
    );
  }, 240_000);

  it('nothing is left that was not there before, on any back end', () => {
    expect(result.output).not.toContain('GREW');
    expect(result.output.match(/cycles in/g)).toHaveLength(BACKENDS.length);
  });

  it('locks were lost, broken, waited for in vain and given up, and connections cut', () => {
    for (const outcome of ['lost', 'broken', 'timed out', 'aborted', 'found taken', 'connections cut']) {
      expect(result.output).toMatch(new RegExp(`(: |, )${outcome} [1-9]`));
    }
  });

  it.each(Object.keys(PLANTS))('a leak of this kind would have been found: %s', (name) => {
    expect(result.output).toContain(`planted ${name}: found`);
  });

  it('the exit code says so', () => {
    expect(result.code, result.output).toBe(0);
  });
});

describe('what has grown', () => {
  it('is what is more than before, or more than it may ever be', () => {
    const before = [same('timers', 2), told('keys', 1), atMost(0, 'locks', 0)];
    expect(grownCounts(before, before)).toEqual([]);
    expect(grownCounts(before, [same('timers', 1), told('keys', 9), atMost(0, 'locks', 0)])).toEqual([]);
    const after = [same('timers', 3), told('keys', 1), atMost(0, 'locks', 1), same('sockets', 1)];
    expect(grownCounts(before, after).map(({ what }) => what)).toEqual(['timers', 'locks', 'sockets']);
  });

  it('is a heap that grows with the cycles, not one that has settled higher', () => {
    const leaking = [0, 1, 2, 3, 4].map((lap) => ({ cycles: lap * 250_000, bytes: 2e7 + lap * 2_500_000 }));
    expect(slopeOf(leaking)).toBeCloseTo(10);
    expect(heapGrew(leaking)).toBe(true);
    const settling = leaking.map(({ cycles }, lap) => ({ cycles, bytes: lap === 0 ? 2e7 : 2.2e7 }));
    expect(heapGrew(settling)).toBe(false);
  });
});
