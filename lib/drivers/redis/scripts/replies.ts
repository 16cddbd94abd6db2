import { inspect } from 'node:util';
import { NodeError } from '../errors/index.js';

/*
 * What the scripts answer is read here, before anything is made of it. A proxy, a server that only looks like Redis, or a
 * connection that has lost its step may answer anything.
 */

/** How much of an odd answer is shown. */
const SHOWN = 80;

/** What was done is unknown, so it counts as not answered. */
export function oddAnswer(reply: unknown): NodeError {
  const text = inspect(reply, { depth: 1, breakLength: Infinity, maxArrayLength: 5, maxStringLength: SHOWN });
  return new NodeError(
    `gave an answer that Redis does not give (${text.slice(0, SHOWN)}): is it a proxy, or something else than Redis?`,
    { kind: 'odd-answer' },
  );
}

/**
 * A client may be set to give numbers as text.
 * @throws NodeError, as does everything here
 */
export function wholeNumber(reply: unknown): number {
  const number = typeof reply === 'string' && /^-?\d+$/.test(reply) ? Number(reply) : reply;
  if (typeof number === 'number' && Number.isSafeInteger(number)) return number;
  throw oddAnswer(reply);
}

/** A time of the node, or a token. */
export function positiveNumber(reply: unknown): number {
  const number = wholeNumber(reply);
  if (number > 0) return number;
  throw oddAnswer(reply);
}

/** One of some numbers that a script answers with. */
export function oneOf<N extends number>(reply: unknown, ...known: readonly N[]): N {
  const number = wholeNumber(reply);
  const found = known.find((each) => each === number);
  if (found === undefined) throw oddAnswer(reply);
  return found;
}

export function textOf(reply: unknown): string {
  if (typeof reply === 'string') return reply;
  throw oddAnswer(reply);
}

export function listOf(reply: unknown, atLeast = 0): readonly unknown[] {
  if (Array.isArray(reply) && reply.length >= atLeast) return reply;
  throw oddAnswer(reply);
}
