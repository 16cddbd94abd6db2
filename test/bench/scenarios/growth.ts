import type { Comparison, Figures, Measure } from '../scenario.js';

/** A measure for each of some numbers. */
export function points(
  numbers: readonly number[],
  label: (count: number) => string,
  unit: string,
): Measure[] {
  return numbers.map((count) => ({ key: String(count), label: label(count), unit, better: 'lower' }));
}

export function pointsAgainst(name: string, numbers: readonly number[]): Comparison[] {
  return numbers.map((count) => ({ measure: String(count), against: name, by: 'ratio' }));
}

export async function atEach(
  numbers: readonly number[],
  measure: (count: number) => Promise<number>,
): Promise<Figures> {
  const figures: Record<string, number> = {};
  for (const count of numbers) figures[count] = await measure(count);
  return figures;
}
