import { afterAll, describe, expect, it } from 'vitest';
import type { Diagnosis } from '../../../lib/cli/doctor/finding.js';
import { startRedis, stopAllRedis } from '../../support/redis-server.js';
import { runTool } from './tool.js';

const SECRET = 'correct-horse-battery';

describe('nestjs-coordination doctor', () => {
  afterAll(stopAllRedis);

  it('ends with 0 where all is well, and says so', async () => {
    const { url } = await startRedis({ password: SECRET });
    const { code, stdout, stderr } = await runTool(['doctor'], { COORDINATION_BACKEND_URL: url });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^127\.0\.0\.1:\d+\n {2}✓ reach: it answers\n/);
    expect(stdout.trimEnd()).toMatch(/\n\nAll is well$/);
    expect(stdout).not.toContain(SECRET);
  });

  it('ends with 1 where something is wrong, with what follows and what to do', async () => {
    const { url } = await startRedis({ args: ['maxmemory 100mb', 'maxmemory-policy allkeys-lru'] });
    const { code, stdout } = await runTool(['doctor', '--url', url]);
    expect(code).toBe(1);
    expect(stdout).toContain(
      [
        '  ✗ eviction: it may evict held locks when its memory is full (maxmemory-policy allkeys-lru)',
        '      the node is refused, as two replicas could hold a lock',
        '      → set maxmemory-policy noeviction, or use a server of its own for locks',
      ].join('\n'),
    );
    expect(stdout.trimEnd()).toMatch(/\n\n1 problem, 0 warnings$/);
    const json = await runTool(['doctor', '--json', '--url', url]);
    expect(json.code).toBe(1);
    const diagnosis = JSON.parse(json.stdout) as Diagnosis;
    expect(diagnosis).toMatchObject({ backend: 'redis', problems: 1 });
    expect(diagnosis.findings.filter(({ level }) => level === 'problem')).toMatchObject([
      { check: 'eviction' },
    ]);
  });

  it('finds a URL that cannot be read, and does not show what may be a password in it', async () => {
    const { code, stdout, stderr } = await runTool(['doctor', '--url', `redis://:${SECRET}@x@127.0.0.1`]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    expect(stdout).toContain('✗ options: ');
    expect(stdout).not.toContain(SECRET);
  });
});
