import { inspect } from 'node:util';
import { msOf } from './duration.js';

/** A lease shorter than this, ms, is over before anything can be done under it: 2 ms of it are clock precision. */
const SHORTEST_TTL = 10;

/** The longest time of a timer in Node, ms: about 24.8 days. */
const LONGEST_TTL = 2 ** 31 - 1;

/** A value as messages show it; never used for a secret. */
export function shown(value: unknown): string {
  return inspect(value, { depth: 0, breakLength: Infinity, maxStringLength: 80 });
}

/** Each check returns the problems it found, as sentences that name the option. */
export function checkTtl(name: string, value: unknown): string[] {
  const ms = numberIn(value);
  if (Number.isInteger(ms) && ms >= SHORTEST_TTL && ms <= LONGEST_TTL) return [];
  return [
    `${name} must be a whole number of ms from ${SHORTEST_TTL} to ${LONGEST_TTL}, got ${durationShown(value)}`,
  ];
}

export function checkPositive(name: string, value: unknown): string[] {
  const ms = numberIn(value);
  if (Number.isFinite(ms) && ms > 0) return [];
  return [`${name} must be a number of ms above 0, got ${durationShown(value)}`];
}

/** Checks how long the back end keeps a lock besides its ttl. It has a limit, or one lock would hold up a whole deployment. */
export function checkKept(name: string, value: unknown): string[] {
  const problems = checkDuration(name, value);
  if (problems.length > 0 || numberIn(value) <= LONGEST_TTL) return problems;
  return [`${name} must be at most ${LONGEST_TTL} ms (24 days), got ${shown(value)}`];
}

export function checkDuration(name: string, value: unknown): string[] {
  const ms = numberIn(value);
  if (Number.isFinite(ms) && ms >= 0) return [];
  return [`${name} must be a number of ms, 0 or more, got ${durationShown(value)}`];
}

export function checkBoolean(name: string, value: unknown): string[] {
  return typeof value === 'boolean' ? [] : [`${name} must be true or false, got ${shown(value)}`];
}

export function checkBlocking(name: string, value: unknown): string[] {
  const ms = numberIn(value);
  if (typeof value === 'boolean' || (Number.isFinite(ms) && ms >= 0)) return [];
  return [`${name} must be true, false or a number of ms, 0 or more, got ${durationShown(value)}`];
}

/** The ms of a duration; NaN for anything else. */
function numberIn(value: unknown): number {
  return typeof value === 'number' || typeof value === 'string' ? msOf(value) : Number.NaN;
}

function durationShown(value: unknown): string {
  return typeof value === 'string' ? `${shown(value)}; as text write '30s' or '5m'` : shown(value);
}
