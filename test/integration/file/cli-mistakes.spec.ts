import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Tool } from '../../support/tool.js';

let directory = '';

beforeAll(async () => {
  await Tool.prepare();
  directory = await mkdtemp(join(tmpdir(), 'cli-mistakes-'));
}, 180_000);
afterAll(() => rm(directory, { recursive: true, force: true }));

describe('a mistake at the tool', { timeout: 180_000 }, () => {
  it.each([
    ['an unknown command', ['lock-all'], /^error: unknown command 'lock-all'/],
    ['a back end of one process', ['locks', '--url', 'memory:'], /memory: are in the memory of one process/],
    ['a URL of no back end', ['locks', '--url', 'mysql://h'], /unknown scheme "mysql:"/],
    ['a reason that is missing', ['break', 'x'], /required option '--reason <text>' not specified/],
    ['a wait that is none', ['lock', 'x', '--wait', 'soon', '--', 'true'], /--wait must be a duration/],
  ])('%s ends with one line and code 64', async (_what, args, line) => {
    const { code, stdout, stderr } = await Tool.run(args);
    expect([code, stdout]).toEqual([64, '']);
    expect(stderr).toMatch(line);
  });

  it('a file that is missing is refused', async () => {
    const { code, stderr } = await Tool.run(['locks', '--env-file', '/no/file']);
    // Node 20 takes the option for its own, wherever it stands, and ends with 9.
    expect([9, 64]).toContain(code);
    expect(stderr).toContain('/no/file');
  });

  it('a password in a URL is in no line', async () => {
    const { code, stderr } = await Tool.run(['locks', '--url', 'redis://user:hunter2@127.0.0.1:1']);
    expect(code).toBe(69);
    expect(stderr).not.toContain('hunter2');
  });

  it('looking at a directory that is missing makes none', async () => {
    const path = join(directory, 'none');
    const { code, stderr } = await Tool.run(['locks', '--url', `file://${path}`]);
    expect([code, stderr]).toEqual([69, expect.stringContaining(`there is no directory ${path}`)]);
    expect(() => readFileSync(path)).toThrow('ENOENT');
  });

  it('reads variables from a file, and the environment before it', async () => {
    const file = join(directory, '.env');
    await writeFile(file, `COORDINATION_BACKEND_URL=file://${directory}/a\nCOORDINATION_PREFIX=app:\n`);
    const { stderr } = await Tool.run(['members', '--env-file', file]);
    expect(stderr).toContain(`${directory}/a,`);
    const other = await Tool.run(['members', '--env-file', file], {
      COORDINATION_BACKEND_URL: `file://${directory}/b`,
    });
    expect(other.stderr).toContain(`${directory}/b,`);
  });

  it('says the version of the package, and which command there is not', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { readonly version: string };
    expect((await Tool.run(['--version'])).stdout.trim()).toBe(version);
    const url = `file://${directory}/run`;
    const missing = await Tool.run(['lock', 'x', '--url', url, '--', 'no-such-program']);
    expect([missing.code, missing.stderr]).toEqual([
      127,
      'nestjs-coordination: "no-such-program": there is no such command\n',
    ]);
  });
});
