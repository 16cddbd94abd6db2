import { failureOf } from './failures.js';
import type { NodeError } from './node-error.js';

/** One line: what happened on a node, and what to do about it. */
export function explain(error: NodeError): string {
  const { advice, quoted } = failureOf(error.kind);
  if (advice === undefined) return error.message;
  return quoted ? `${advice} (${error.message})` : advice;
}
