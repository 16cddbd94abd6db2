import type { Compared, Row } from './report.js';
import type { Summary } from './statistics.js';

/** As many digits as say something. */
export function shown(value: number): string {
  const size = Math.abs(value);
  if (size >= 10_000) return grouped(value);
  if (size >= 100) return value.toFixed(0);
  return value.toFixed(size >= 10 ? 1 : 2);
}

/** The median and its quartiles. */
export function spread({ median, q1, q3 }: Summary): string {
  return `${shown(median)} (${shown(q1)}–${shown(q3)})`;
}

export function comparison(compared: Compared | undefined): string {
  if (!compared) return '–';
  return (compared.by === 'ratio' ? '× ' : '+ ') + spread(compared);
}

/** A head for the column of a comparison. */
export function comparisonHead(against: string, measure?: string): string {
  return `${measure === undefined ? '' : `${measure} `}against “${against}”`;
}

export function findCompared(row: Row, measure: string, against: string): Compared | undefined {
  return row.compared.find((each) => each.measure === measure && each.against === against);
}

function grouped(value: number): string {
  return value.toFixed(0).replace(/\B(?=(\d{3})+$)/g, ' ');
}
