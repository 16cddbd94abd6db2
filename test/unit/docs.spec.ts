import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';

const LINES_OF_A_PAGE = 300;
const INDEX = join('docs', 'README.md');

const docs = readdirSync('docs')
  .filter((name) => name.endsWith('.md'))
  .map((name) => join('docs', name));
const pages = ['README.md', 'SECURITY.md', 'CONTRIBUTING.md', ...docs];

/** What a page says, without its blocks of code: what looks like a heading or a link there is none. */
function proseOf(page: string): string {
  return readFileSync(page, 'utf8').replaceAll(/^```.*?^```$/gms, '');
}

/** The anchors that GitHub makes of the headings of a page. */
function anchorsOf(page: string): ReadonlySet<string> {
  const seen = new Map<string, number>();
  const anchors = new Set<string>();
  for (const [, heading = ''] of proseOf(page).matchAll(/^#{1,6} (.+)$/gm)) {
    const text = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const anchor = text.replaceAll(/[^\p{L}\p{N}_ -]/gu, '').replaceAll(' ', '-');
    const before = seen.get(anchor) ?? 0;
    seen.set(anchor, before + 1);
    anchors.add(before === 0 ? anchor : `${anchor}-${before}`);
  }
  return anchors;
}

/** The links of a page that stay within the repository. */
function linksOf(page: string): string[] {
  const prose = proseOf(page).replaceAll(/`[^`\n]+`/g, 'code');
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link = '']) => link)
    .filter((link) => !/^[a-z]+:/.test(link));
}

function leadsNowhere(page: string, link: string): boolean {
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? page : normalize(join(dirname(page), path));
  if (!existsSync(target)) return true;
  return anchor !== undefined && !anchorsOf(target).has(anchor);
}

function linesOf(page: string): number {
  return readFileSync(page, 'utf8').trimEnd().split('\n').length;
}

describe('the pages of the documentation', () => {
  it('README is short: at most 250 lines and 12 kB', () => {
    expect(linesOf('README.md')).toBeLessThanOrEqual(250);
    expect(statSync('README.md').size).toBeLessThanOrEqual(12_000);
  });

  it.each(docs)(`%s has at most ${LINES_OF_A_PAGE} lines`, (page) => {
    expect(linesOf(page)).toBeLessThanOrEqual(LINES_OF_A_PAGE);
  });

  it.each(pages)('each link of %s leads to a file, and to a heading in it', (page) => {
    expect(linksOf(page).filter((link) => leadsNowhere(page, link))).toEqual([]);
  });

  it('README leads to the index, and the index to every page', () => {
    expect(linksOf('README.md')).toContain(INDEX);
    const linked = new Set(linksOf(INDEX).map((link) => join('docs', link.split('#')[0] ?? '')));
    expect(docs.filter((page) => page !== INDEX && !linked.has(page))).toEqual([]);
  });

  // Mermaid takes the reader's theme, light or dark, where a picture sets no colour; a semicolon ends a statement of it.
  it.each(pages)('the pictures of %s set no colours, and have no semicolons', (page) => {
    const pictures = readFileSync(page, 'utf8').match(/^```mermaid$.*?^```$/gms) ?? [];
    expect(
      pictures.filter((picture) => /;|%%\{|\b(?:style|classDef|fill|rgb|color)\b/.test(picture)),
    ).toEqual([]);
  });
});
