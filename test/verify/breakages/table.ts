import type { Finding } from './find-breakage.js';

/** As Markdown, for the terminal and for the docs alike. */
export function tableOf(findings: readonly Finding[]): string {
  const rows = findings.map(({ breakage: { name, wrong, foundBy }, found, seed, said, took }) => [
    name,
    wrong,
    `\`${foundBy.command}\``,
    found ? said : '**not found**',
    seed,
    (took / 1000).toFixed(0),
  ]);
  const lines = [
    ['breakage', 'what goes wrong', 'found by', 'which says', 'seed', 's'],
    Array(6).fill('---'),
    ...rows,
  ];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
