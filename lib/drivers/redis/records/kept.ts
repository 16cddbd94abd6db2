import type { StoredRecord } from '../../driver.js';
import { isNewer } from '../../records.js';
import { oddAnswer, recordKeyOf, textOf, wholeNumber } from '../scripts/index.js';

/** The record as one node has it, or the mark that it was removed there. */
export interface Kept extends StoredRecord {
  readonly removed: boolean;
}

/** Undefined when the node has neither. */
export type Found = Kept | undefined;

/** The record's own name. */
export function nameIn(space: string, where: string): string {
  return where.slice(recordKeyOf(space, '').length);
}

/**
 * @param where the key of the record
 * @param text the node's word: a record or a mark
 */
export function keptOf(space: string, where: string, text: unknown, pttl: unknown, at: unknown): Kept {
  const [, mark, version = mark, value] = /^(?:-(\d+)|(\d+) ([^]*))$/.exec(textOf(text)) ?? [];
  if (version === undefined) throw oddAnswer(text);
  return {
    space,
    key: nameIn(space, where),
    version: wholeNumber(version),
    value: value ?? '',
    remaining: Math.max(0, wholeNumber(pttl)),
    at: wholeNumber(at),
    removed: mark !== undefined,
  };
}

/** Undefined for a mark. */
export function recordIn(found: Found): StoredRecord | undefined {
  return found && !found.removed ? recordOrMark(found) : undefined;
}

/** A mark stands for a record without a value. */
export function recordOrMark({ removed: _, ...record }: Kept): StoredRecord {
  return record;
}

/**
 * The largest version; a mark before the record that it removes. Several values of one version come from writers that should be one: always
 * picks the same of them.
 */
export function newest(replies: readonly Found[]): Found {
  let best: Found;
  for (const found of replies) {
    if (!found) continue;
    const ties = best !== undefined && found.version === best.version;
    if (best && ties && found.removed !== best.removed) best = found.removed ? found : best;
    else if (!best || (ties && found.value !== best.value ? found.value > best.value : isNewer(found, best)))
      best = found;
  }
  return best;
}

/** How many nodes have exactly that record, or mark. */
export function agreeing(replies: readonly Found[], wanted: Found): number {
  return replies.filter(
    (found) =>
      found?.version === wanted?.version &&
      found?.value === wanted?.value &&
      found?.removed === wanted?.removed,
  ).length;
}

/** Removes the client's key prefix: the client does not take it off an answer, and would add it once more. */
export function ownKey(space: string, key: string): string {
  return key.slice(Math.max(0, key.indexOf(recordKeyOf(space, ''))));
}
