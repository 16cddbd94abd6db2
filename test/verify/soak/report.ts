import type { Count } from './counts.js';
import type { SoakReport } from './soak.js';

/** The report of one soak, as text for a terminal. */
export function renderReport({
  backend,
  cycles,
  took,
  outcomes,
  before,
  after,
  heap,
  slope,
  grown,
}: SoakReport): string {
  const reached = [...outcomes].toSorted(([, a], [, b]) => b - a).map(([what, times]) => `${what} ${times}`);
  const rows = after.map((count) => {
    const { what, value, rule } = count;
    const marked = grown.includes(what)
      ? `   GREW${detailOf(before, count)}`
      : rule === 'told'
        ? '   (told)'
        : '';
    return row(what, String(valueOf(before, what)), `${value}${marked}`);
  });
  const kilobytes = heap.map(({ bytes }) => (bytes / 1000).toFixed(0));
  const heapMark = grown.includes('heap') ? '   GREW' : '';
  return [
    `${backend}: ${cycles} cycles in ${(took / 1000).toFixed(0)} s, ${((1000 * cycles) / took).toFixed(0)} a second`,
    `  reached: ${reached.join(', ')}`,
    row('', 'before', 'after'),
    ...rows,
    row(
      'heap, kB',
      kilobytes[0] ?? '',
      `${kilobytes.at(-1) ?? ''}   ${slope.toFixed(2)} B a cycle${heapMark}`,
    ),
    `  heap after each lap, kB: ${kilobytes.join(' ')}`,
    '',
  ].join('\n');
}

function row(what: string, before: string, after: string): string {
  const [value = '', ...rest] = after.split(/(?= {3})/);
  return `  ${what.padEnd(42)}${before.padStart(10)}${value.padStart(10)}${rest.join('')}`;
}

function valueOf(counts: readonly Count[], what: string): number {
  return counts.find((count) => count.what === what)?.value ?? 0;
}

function detailOf(before: readonly Count[], { what, detail }: Count): string {
  if (!detail) return '';
  return `: ${detail}; before: ${before.find((count) => count.what === what)?.detail ?? ''}`;
}
