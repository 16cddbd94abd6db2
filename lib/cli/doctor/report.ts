import type { Diagnosis, Finding, Level } from './finding.js';

const MARKS: Readonly<Record<Level, string>> = { ok: '✓', note: '·', warning: '!', problem: '✗' };

/** A diagnosis as text for people: what was found at each place, and what to do about it. */
export function reportOf({ findings, problems, warnings }: Diagnosis): string {
  const places = [...new Set(findings.map(({ where }) => where))];
  const blocks = places.map((place) => {
    const here = findings.filter(({ where }) => where === place);
    return [place, ...here.flatMap(linesOf)].join('\n');
  });
  return `${blocks.join('\n\n')}\n\n${summaryOf(problems, warnings)}`;
}

function linesOf({ level, check, what, means, todo }: Finding): string[] {
  const lines = [`  ${MARKS[level]} ${check}: ${what}`];
  if (means !== undefined) lines.push(`      ${means}`);
  if (todo !== undefined) lines.push(`      → ${todo}`);
  return lines;
}

function summaryOf(problems: number, warnings: number): string {
  const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`;
  if (problems > 0) return `${count(problems, 'problem')}, ${count(warnings, 'warning')}`;
  return warnings > 0 ? `No problem, ${count(warnings, 'warning')}` : 'All is well';
}
