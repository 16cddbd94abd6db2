import { describe, expect, it } from 'vitest';
import { decoded, encoded, keyOf, nameOf } from '../../../lib/drivers/postgres/names.js';

const NAMES = [
  'share-7',
  '100%',
  '100%25',
  'naïve ☃',
  'a\0b',
  '\ud800',
  '\ud800\udc00',
  'line\nbreak',
  '%u2603',
  '',
  ' ',
];

describe('the key of a name in PostgreSQL', () => {
  it('is printable ASCII, whatever the name is, and leads back to it', () => {
    for (const name of NAMES) {
      expect(keyOf(name)).toMatch(/^[\x20-\x7e]*$/);
      expect(nameOf(keyOf(name))).toBe(name);
      expect(decoded(encoded(name))).toBe(name);
    }
  });

  it('is another one for every name', () => {
    expect(new Set(NAMES.map(keyOf)).size).toBe(NAMES.length);
    const long = 'x'.repeat(5000);
    expect(keyOf(`${long}y`)).not.toBe(keyOf(`${long}z`));
    // A name that looks like the key of another one.
    expect(keyOf(keyOf(`${long}y`))).not.toBe(keyOf(`${long}y`));
  });

  it('is short enough for an index', () => {
    expect(keyOf('☃'.repeat(5000)).length).toBeLessThan(500);
  });
});
