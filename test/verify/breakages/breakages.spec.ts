import { THOROUGH } from '../../support/thorough.js';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import ts from 'typescript';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { BREAKAGES } from './breakages.js';
import { findBreakage } from './find-breakage.js';
import { edited, ProjectCopy } from './project-copy.js';

const PROJECT = fileURLToPath(new URL('../../..', import.meta.url));

/** Found in a few seconds; `npm run breakages` runs them all. */
const QUICK = ['no owner check on release', 'largest counter taken for the token'];

describe('the table of breakages', () => {
  it('has at least the twelve that were asked for, each with a name of its own', () => {
    expect(BREAKAGES.length).toBeGreaterThanOrEqual(12);
    expect(new Set(BREAKAGES.map(({ name }) => name)).size).toBe(BREAKAGES.length);
  });

  it.each(BREAKAGES)('finds the place of "$name", and leaves a program there', async ({ edits }) => {
    const files = new Map<string, string>();
    for (const edit of edits) {
      const text = files.get(edit.file) ?? (await readFile(join(PROJECT, edit.file), 'utf8'));
      files.set(edit.file, edited(text, edit));
    }
    for (const [fileName, text] of files) {
      const { diagnostics } = ts.transpileModule(text, { fileName, reportDiagnostics: true });
      expect(diagnostics, fileName).toEqual([]);
    }
  });

  it('takes no text for a place that is there twice, or not at all', () => {
    const edit = { file: 'some.ts', find: 'a', replace: 'b' };
    expect(edited('cat', edit)).toBe('cbt');
    expect(() => edited('dog', edit)).toThrow('some.ts has this no more:\na');
    expect(() => edited('data', edit)).toThrow('some.ts has this more than once:\na');
  });
});

// Each of them is a run of the tests or of the simulation.
describe.runIf(THOROUGH)('in a copy of the project', () => {
  const files = [...new Set(BREAKAGES.flatMap(({ edits }) => edits.map(({ file }) => file)))];
  const texts = (): Promise<string[]> =>
    Promise.all(files.map((file) => readFile(join(copy.directory, file), 'utf8')));
  let copy: ProjectCopy;
  let whole: string[];
  beforeAll(async () => {
    copy = await ProjectCopy.of(PROJECT);
    whole = await texts();
  });
  afterEach(async () => {
    expect(await texts()).toEqual(whole);
  });
  afterAll(() => copy.remove());

  it.each(BREAKAGES.filter(({ name }) => QUICK.includes(name)))(
    'the simulation finds "$name"',
    { timeout: 200_000 },
    async (breakage) => {
      const { found, output } = await findBreakage(copy, breakage);
      expect(found, output).toBe(true);
    },
  );

  it('a command that fails for another reason has found nothing', { timeout: 60_000 }, async () => {
    const [breakage] = BREAKAGES as [(typeof BREAKAGES)[0]];
    const other = { ...breakage, foundBy: { ...breakage.foundBy, command: 'node no-such-file.mjs' } };
    const { found, output } = await findBreakage(copy, other);
    expect(found).toBe(false);
    expect(output).toContain('no-such-file.mjs');
  });
});
