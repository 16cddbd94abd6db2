import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as errors from '../../lib/errors.js';

/** What the documentation says of the code, compared with the code. */
const PAGES = readdirSync('docs')
  .filter((name) => name.endsWith('.md'))
  .map((name) => join('docs', name));

/** It quotes the names of tests. */
const QUOTING = join('docs', 'breakages.md');

/** All of lib as one text, in which strings that are joined by `+` are one. */
const LIB = filesBelow('lib')
  .map((file) => readFileSync(file, 'utf8'))
  .join('\n')
  .replaceAll(/['`]\s*\+\s*['`]/g, '');

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name));
}

function page(name: string): string {
  return readFileSync(join('docs', `${name}.md`), 'utf8');
}

/** The cells below the heading of a table that tells what the log says. */
function logCells(text: string): string[] {
  return text.split('\n\n').flatMap((block) => {
    const rows = block
      .split('\n')
      .filter((line) => line.startsWith('|'))
      .map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()));
    const column = rows[0]?.findIndex((heading) => /^line( in the log, or error)?$/.test(heading)) ?? -1;
    return column < 0 ? [] : rows.slice(2).map((row) => row[column] ?? '');
  });
}

/** The parts of quoted lines that do not change: what stands between names and numbers. */
function fixedParts(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)]
    .flatMap(([, line = '']) => line.split('…'))
    .map((part) =>
      part
        .trim()
        .replaceAll(/^[:;,.()]+|[:;,.()]+$/g, '')
        .trim(),
    )
    .filter((part) => part.length > 4);
}

describe('what the pages say of the code', () => {
  it.each(['troubleshooting', 'guarantees', 'postgres'])('the log lines of %s are those of lib', (name) => {
    const parts = logCells(page(name)).flatMap(fixedParts);
    expect(parts.length).toBeGreaterThan(4);
    expect(parts.filter((part) => !LIB.includes(part))).toEqual([]);
  });

  it.each(PAGES)('files of the repository that %s names are there', (path) => {
    const named = [...readFileSync(path, 'utf8').matchAll(/`((?:test|lib|build|sample-app)\/[\w./-]+)`/g)];
    expect(named.map(([, file = '']) => file).filter((file) => !existsSync(file))).toEqual([]);
  });

  it('each promise names a test', () => {
    const promises = page('guarantees').match(/^\| \d+ .*$/gm) ?? [];
    expect(promises.length).toBeGreaterThan(10);
    expect(promises.filter((row) => !/`test\/[\w./-]+\.spec\.ts`/.test(row))).toEqual([]);
  });

  it('each error stands on its page, with code and status', () => {
    const rows = page('errors').match(/^\| .*$/gm) ?? [];
    const missing = Object.entries(errors)
      .filter(([name]) => name !== 'CoordinationError')
      .filter(([name, type]) => {
        const error = new (type as new (message: string) => errors.CoordinationError)('');
        const wanted = [`\`${name}\``, `\`${error.code}\``, ` ${error.getStatus()} `];
        return !rows.some((row) => wanted.every((part) => row.includes(part)));
      });
    expect(missing.map(([name]) => name)).toEqual([]);
  });

  it('each reason of a loss stands on the page of errors, and each event on that of events', () => {
    const reasons = /export type LeaseLossReason =([^;]+);/.exec(LIB)?.[1]?.match(/'[\w-]+'/g) ?? [];
    const events = [...new Set(LIB.match(/'(?:lease|backend|leader|job)\.[a-z-]+'/g))].filter(
      // Names of metrics.
      (name) => !["'job.runs'", "'job.duration'"].includes(name),
    );
    expect(reasons.length).toBeGreaterThan(5);
    expect(events.length).toBeGreaterThan(5);
    const quoted = (text: string): string => `\`${text.slice(1, -1)}\``;
    expect(reasons.filter((reason) => !page('errors').includes(quoted(reason)))).toEqual([]);
    expect(events.filter((event) => !page('events').includes(quoted(event)))).toEqual([]);
  });

  it('each variable of the environment stands on the page of configuration', () => {
    const variables = [...new Set(LIB.match(/COORDINATION_[A-Z]+(?:_[A-Z]+)*/g))].filter(
      // Those that the command line gives to the command it runs are on its own page.
      (name) =>
        name !== 'COORDINATION_MODULE_OPTIONS' &&
        !name.startsWith('COORDINATION_MODULE_') &&
        !['COORDINATION_LOCK', 'COORDINATION_FENCING_TOKEN'].includes(name),
    );
    expect(variables.filter((name) => !page('configuration').includes(name))).toEqual([]);
  });

  it.each(['README.md', ...PAGES].filter((path) => path !== QUOTING))(
    '%s names the replica, caller or process that it speaks of',
    (path) => {
      const prose = readFileSync(path, 'utf8')
        .replaceAll(/^```.*?^```$/gms, '')
        .replaceAll(/`[^`\n]+`/g, '');
      expect(prose.match(/.{0,40}\b(whoever|somebody)\b.{0,40}/gi) ?? []).toEqual([]);
    },
  );
});
