import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';

const ROOT = process.cwd();
const scratch = mkdtempSync(join(tmpdir(), 'coordination-release-'));
/** Stands for npm: writes down what it is asked for, and answers `npm pack` with a list of files. */
const FAKE_NPM = `#!/usr/bin/env node
const { appendFileSync, readFileSync } = require('node:fs');
const asked = process.argv.slice(2).join(' ');
appendFileSync(process.env.ASKED, asked + '\\n');
if (asked === process.env.FAILS) process.exit(1);
if (asked.startsWith('pack')) process.stdout.write(readFileSync(process.env.LISTED));
`;

let repository: string;
let count = 0;

function edit(file: string, change: (text: string) => string): void {
  const path = join(repository, file);
  writeFileSync(path, change(readFileSync(path, 'utf8')));
}

function git(...args: readonly string[]): void {
  const who = ['-c', 'user.name=tester', '-c', 'user.email=tester@localhost'];
  execFileSync('git', [...who, ...args], { cwd: repository });
}

function commit(): void {
  git('commit', '--quiet', '--all', '--message', 'Change something');
}

function release(args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) {
  writeFileSync(join(scratch, 'asked'), '');
  const { status, stdout, stderr } = spawnSync(process.execPath, ['build/release.mjs', ...args], {
    cwd: repository,
    encoding: 'utf8',
    env: {
      ...process.env,
      PATH: `${join(scratch, 'bin')}${delimiter}${process.env['PATH'] ?? ''}`,
      ASKED: join(scratch, 'asked'),
      LISTED: join(scratch, 'listed.json'),
      ...env,
    },
  });
  const asked = readFileSync(join(scratch, 'asked'), 'utf8').trim().split('\n').filter(Boolean);
  return { status, output: stdout + stderr, asked };
}

/** What npm would pack: what the manifest names, and these. */
function list(...more: readonly string[]): void {
  const { exports, bin = {} } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as {
    readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
    readonly bin?: string | Readonly<Record<string, string>>;
  };
  const entries = [...Object.values(exports), bin].flatMap((entry) =>
    typeof entry === 'string' ? [entry] : Object.values(entry),
  );
  const paths = [
    'README.md',
    'LICENSE',
    'CHANGELOG.md',
    'SECURITY.md',
    'docs/README.md',
    ...entries,
    ...more,
  ];
  const files = paths.map((path) => ({ path: path.replace(/^\.\//, '') }));
  writeFileSync(join(scratch, 'listed.json'), JSON.stringify([{ files }]));
}

describe('npm run release', () => {
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

  // A repository that may be published: on main, with real addresses.
  beforeEach(() => {
    mkdirSync(join(scratch, 'bin'), { recursive: true });
    writeFileSync(join(scratch, 'bin', 'npm'), FAKE_NPM);
    chmodSync(join(scratch, 'bin', 'npm'), 0o755);
    repository = join(scratch, `repository-${(count += 1)}`);
    mkdirSync(repository);
    for (const file of ['build', 'package.json', 'CHANGELOG.md', 'SECURITY.md'])
      cpSync(join(ROOT, file), join(repository, file), { recursive: true });
    edit('package.json', (text) => text.replaceAll('example.invalid', 'git.example.org'));
    edit('SECURITY.md', (text) => text.replaceAll('example.invalid', 'example.org'));
    git('init', '--quiet', '--initial-branch', 'main');
    git('add', '.');
    commit();
    list();
  });

  it('looks at everything, and then publishes with provenance', () => {
    const { status, output, asked } = release();
    expect(output).not.toContain('✗');
    expect(status).toBe(0);
    expect(asked).toEqual([
      'run lint',
      'run format:check',
      'test',
      'audit --omit=dev',
      'run build',
      'pack --dry-run --json --ignore-scripts',
      'publish --provenance --access public',
    ]);
  });

  it('publishes nothing with --dry-run, and says what it would run', () => {
    const { status, output, asked } = release(['--dry-run']);
    expect(status).toBe(0);
    expect(asked).toEqual([]);
    expect(output).toContain('would run npm publish --provenance --access public');
  });

  it.each([
    [
      'a file is uncommitted',
      () => edit('CHANGELOG.md', (text) => `${text}\n- more\n`),
      'uncommitted: 1 files',
    ],
    ['the branch is another one', () => git('checkout', '--quiet', '-b', 'topic'), 'the branch is topic'],
    [
      'an address is a placeholder',
      () => edit('package.json', (text) => text.replace('git.example.org', 'example.invalid')),
      'package.json:',
    ],
    [
      'the address for reports is a placeholder',
      () => edit('SECURITY.md', (text) => text.replace('example.org', 'example.invalid')),
      'SECURITY.md:',
    ],
    [
      'the CHANGELOG is of another version',
      () => edit('CHANGELOG.md', (text) => text.replace(/^## .*$/m, '## 9.9.9')),
      'the newest heading of CHANGELOG.md is "9.9.9"',
    ],
  ])('refuses when %s, with --dry-run too', (_what, spoil, says) => {
    spoil();
    for (const args of [[], ['--dry-run']]) {
      const { status, output, asked } = release(args);
      expect(status).toBe(1);
      expect(output).toContain(says);
      expect(output).toContain('not published');
      expect(asked).toEqual([]);
    }
  });

  it.each(['run lint', 'test', 'audit --omit=dev'])('stops when npm %s fails', (command) => {
    const { status, output, asked } = release([], { FAILS: command });
    expect(status).toBe(1);
    expect(output).toContain(`npm ${command} failed`);
    expect(asked.at(-1)).toBe(command);
  });

  it('refuses a package with files that do not belong there, or without one that it needs', () => {
    list('lib/index.ts', 'test/secret.pem');
    const more = release();
    expect(more.status).toBe(1);
    expect(more.output).toContain('lib/index.ts does not belong there');
    expect(more.output).toContain('test/secret.pem does not belong there');
    writeFileSync(join(scratch, 'listed.json'), JSON.stringify([{ files: [{ path: 'README.md' }] }]));
    const less = release();
    expect(less.output).toContain('dist/index.js is missing');
    expect(less.asked).not.toContain('publish --provenance --access public');
  });
});
