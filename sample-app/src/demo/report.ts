import type { Finding } from './audit.js';

/** Both outcomes side by side: how many of how many are wrong. */
export function table(locked: readonly Finding[], unlocked: readonly Finding[]): string[] {
  const wide = Math.max(...locked.map(({ what }) => what.length));
  const row = (what: string, ...cells: string[]): string =>
    `  ${what.padEnd(wide)}${cells.map((cell) => cell.padStart(15)).join('')}`;
  return [
    row('', 'locked', 'not locked'),
    ...locked.map((finding, index) => row(finding.what, cell(finding), cell(unlocked[index]))),
  ];
}

function cell(finding: Finding | undefined): string {
  if (!finding) return '';
  return `${finding.wrong} of ${finding.total} ${finding.wrong === 0 ? '✓' : '✗'}`;
}
