import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  checkedKeys,
  counterOf,
  lockKeyOf,
  recordKeyOf,
  queueOf,
  shardedTurnChannel,
  waitersOf,
} from '../../lib/drivers/redis/scripts/keys.js';

/** CRC-16/XMODEM bit by bit, and the hash tag character by character, as the Cluster specification has them. */
function slot(key: string): number {
  const open = key.indexOf('{');
  const close = open < 0 ? -1 : key.indexOf('}', open + 1);
  const hashed = close > open + 1 ? key.slice(open + 1, close) : key;
  let crc = 0;
  for (const byte of new TextEncoder().encode(hashed)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : crc << 1;
  }
  return crc % 16_384;
}

/** All texts of up to so many of these pieces. */
function texts(pieces: readonly string[], most: number): string[] {
  const all: string[] = [];
  let last = [''];
  for (let length = 1; length <= most; length += 1) {
    last = last.flatMap((text) => pieces.map((piece) => text + piece));
    all.push(...last);
  }
  return all;
}

const companions = (key: string): string[] => [queueOf(key), waitersOf(key), counterOf(key)];

const LONG = 'long'.repeat(40);

/** Braces in every order, and what a companion looks like. */
const KEYS = [
  ...texts(['{', '}', 'x', '0'], 6),
  ...texts(['{', '}', 'é', '\n', ':'], 4),
  ...texts(['coordination:queue:', 'coordination:lock:', '{', '}', 'x'], 4),
  ...texts(['x', '{x}', 'y', '{y}'], 3),
  ...texts(['{', '}', LONG, `${LONG}é`, 'x'], 4),
];

describe('the keys beside a lock', () => {
  it('are never those of another lock', () => {
    const keys = [...new Set(KEYS)];
    const all = keys.flatMap(companions);
    expect(new Set(all).size).toBe(all.length);
  });

  it('are no longer for a key that is', () => {
    const digest = createHash('sha256').update(LONG).digest('hex');
    expect(counterOf(LONG)).toMatch(new RegExp(`^coordination:fence:\\{\\d+\\}${digest}$`));
    for (const key of KEYS)
      for (const each of [...companions(key), shardedTurnChannel(key)]) expect(each.length).toBeLessThan(250);
  });

  it('are in the slot of its key, and so is the channel of its turns', () => {
    const astray = KEYS.filter((key) =>
      [...companions(key), shardedTurnChannel(key)].some((each) => slot(each) !== slot(key)),
    );
    expect(astray).toEqual([]);
  });

  it('are never the key of a lock, of a member, or of the node', () => {
    const keys = new Set(KEYS.flatMap((key) => [lockKeyOf(key), recordKeyOf('members', key)]));
    expect(KEYS.flatMap(companions).filter((key) => keys.has(key))).toEqual([]);
  });

  it('cannot be reached by a lockKey', () => {
    const keyOf = checkedKeys((name) => name);
    const some = KEYS.filter((_, index) => index % 100 === 0);
    for (const key of [...some.flatMap(companions), 'coordination:node', 'coordination:record:{members}:a'])
      expect(() => keyOf(key)).toThrow(/keys that begin with "coordination:" belong to this package/);
    for (const key of ['x', '{x}', 'coordination', '_tooz_x_lock', 'coordination:lock:x'])
      expect(keyOf(key)).toBe(key);
  });
});
