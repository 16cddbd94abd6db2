const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A number and its unit, such as `1.8 s`. */
export function duration(ms: number): string {
  const [number, unit] = inUnits(ms);
  return `${number} ${unit}`;
}

/** Number and unit apart, for large print. */
export function inUnits(ms: number): readonly [string, string] {
  const size = Math.abs(ms);
  if (size < SECOND) return [String(Math.round(ms)), 'ms'];
  if (size < 9.95 * SECOND) return [(ms / SECOND).toFixed(1), 's'];
  if (size < 119.5 * SECOND) return [String(Math.round(ms / SECOND)), 's'];
  if (size < 99.5 * MINUTE) return [String(Math.round(ms / MINUTE)), 'min'];
  if (size < 2 * DAY) return [String(Math.round(ms / HOUR)), 'h'];
  return [String(Math.round(ms / DAY)), 'd'];
}

export function timeOfDay(at: number): string {
  return new Date(at).toLocaleTimeString([], {
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hour12: false,
  });
}

/** `1 call`, `2 calls` */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${grouped(count)} ${count === 1 ? one : many}`;
}

export function grouped(count: number): string {
  return count.toLocaleString('en').replaceAll(',', '\u202f');
}
