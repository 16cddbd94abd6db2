import { describe, expect, it } from 'vitest';
import { quoted } from '../../lib/common/quoted.js';

describe('a name in a message', () => {
  it('stays in its line, whatever a client has put into it', () => {
    expect(quoted('share-7')).toBe('"share-7"');
    expect(quoted('naïve 名前 🙂')).toBe('"naïve 名前 🙂"');
    expect(quoted('a\r\nERROR b\u001b[2J\u2028\u202e\0')).toBe(
      '"a\\u000d\\u000aERROR b\\u001b[2J\\u2028\\u202e\\u0000"',
    );
    expect(quoted('\ud800')).toBe('"\\ud800"');
  });

  it('is cut where it is long', () => {
    expect(quoted('x'.repeat(200))).toBe(`"${'x'.repeat(200)}"`);
    expect(quoted('x'.repeat(5000))).toBe(`"${'x'.repeat(200)}… (5000 characters in all)"`);
  });
});
