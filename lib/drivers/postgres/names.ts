import { createHash } from 'node:crypto';

/** A key that is longer than this, in characters, is hashed: an index of PostgreSQL takes rows of some 2700 bytes. */
const LONGEST = 400;

/** How many characters of a long name its key begins with, so that people recognise it. */
const RECOGNISED = 80;

/** The characters that a key has to encode: all but printable ASCII without `%`. */
const ENCODED = /[^\x20-\x24\x26-\x7e]/g;

/**
 * The text under which a name is stored. It is ASCII: a `text` column takes no NUL and no half of a surrogate pair, and a database may
 * have any encoding. Different names have different keys.
 */
export function keyOf(name: string): string {
  const key = encoded(name);
  if (key.length <= LONGEST) return key;
  // No encoded text has `%#`.
  return `${key.slice(0, RECOGNISED)}%#${createHash('sha256').update(key).digest('hex')}`;
}

/** The name behind a key. For a hashed key, only the part that is known. */
export function nameOf(key: string): string {
  return decoded(key);
}

/** As {@link keyOf}, but never hashed: for values. */
export function encoded(text: string): string {
  return text.replace(ENCODED, (character) => {
    const code = character.charCodeAt(0);
    return code > 0xff ? `%u${hex(code, 4)}` : `%${hex(code, 2)}`;
  });
}

export function decoded(text: string): string {
  return text.replace(/%(?:u([0-9a-f]{4})|([0-9a-f]{2}))/g, (_, long: string | undefined, short: string) =>
    String.fromCharCode(Number.parseInt(long ?? short, 16)),
  );
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0');
}
