import * as msModule from 'ms';

/** Jest compiles this file to CommonJS; without `esModuleInterop` the module is the function itself there. */
const ms = ((msModule as { readonly default?: unknown }).default ?? msModule) as (
  text: string,
) => number | undefined;

/**
 * A number of ms, or text such as `'30s'`, `'5m'` or `'1.5h'`, in the format of the package `ms`.
 * @publicApi
 */
export type Duration = number | string;

/** How many ms it lasts; NaN for text that is no duration. */
export function msOf(duration: Duration): number {
  if (typeof duration === 'number') return duration;
  // The package throws for empty text, and for what plain JavaScript may give instead.
  if (typeof duration !== 'string' || duration === '') return Number.NaN;
  // Undefined for text that it cannot read.
  return ms(duration) ?? Number.NaN;
}

/** How long to wait, with a duration in ms. */
export function blockingOf(blocking: boolean | Duration): boolean | number {
  return typeof blocking === 'string' ? msOf(blocking) : blocking;
}
