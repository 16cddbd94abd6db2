/** One thing that is counted before and after. */
export interface Count {
  readonly what: string;
  readonly value: number;
  /** same: may not be more after than before · at most: never above that · told: shown, and judged by nobody. */
  readonly rule: 'same' | 'told' | { readonly atMost: number };
  /** What was counted, where that helps to find what is too much. */
  readonly detail?: string;
}

export const same = (what: string, value: number, detail?: string): Count => ({
  what,
  value,
  rule: 'same',
  detail,
});
export const told = (what: string, value: number): Count => ({ what, value, rule: 'told' });
export const atMost = (limit: number, what: string, value: number, detail?: string): Count => ({
  what,
  value,
  rule: { atMost: limit },
  detail,
});

/** What has grown that must not. */
export function grownCounts(before: readonly Count[], after: readonly Count[]): Count[] {
  return after.filter(({ what, value, rule }) => {
    if (rule === 'told') return false;
    if (rule !== 'same') return value > rule.atMost;
    return value > (before.find((count) => count.what === what)?.value ?? 0);
  });
}
