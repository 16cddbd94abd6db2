import { describe, expect, it } from 'vitest';
import { Bag } from '../../lib/common/bag.js';

describe('a bag', () => {
  it('gives up each item by its slot, once, in any order', () => {
    const bag = new Bag<string>();
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((item) => bag.add(item));
    bag.remove(b!);
    bag.remove(b!);
    expect(bag.items().toSorted()).toEqual(['a', 'c', 'd']);
    bag.remove(d!);
    bag.remove(a!);
    expect(bag.items()).toEqual(['c']);
    const again = bag.add('a');
    bag.remove(c!);
    expect([bag.size, bag.items()]).toEqual([1, ['a']]);
    bag.remove(again);
    expect(bag.size).toBe(0);
  });

  it('may hold the same item twice', () => {
    const bag = new Bag<string>();
    const first = bag.add('a');
    bag.add('a');
    bag.remove(first);
    expect(bag.items()).toEqual(['a']);
  });

  it('can be changed while its items are looked at', () => {
    const bag = new Bag<number>();
    const slots = [1, 2, 3].map((item) => bag.add(item));
    const seen = bag.items().map((item) => {
      bag.remove(slots[item - 1]!);
      return item;
    });
    expect([seen, bag.size]).toEqual([[1, 2, 3], 0]);
  });
});
