import { describe, expect, it, vi } from 'vitest';
import { Memo } from '../../lib/common/memo.js';

describe('a memo', () => {
  it('makes what it is asked for once', () => {
    const make = vi.fn((key: string) => ({ key }));
    const memo = new Memo(make, 2);
    const a = memo.of('a');
    expect(memo.of('a')).toBe(a);
    expect(memo.of('b')).toEqual({ key: 'b' });
    expect(make).toHaveBeenCalledTimes(2);
  });

  it('keeps no more than it may, and makes again what it has let go', () => {
    const make = vi.fn((key: string) => key.length);
    const memo = new Memo(make, 2);
    for (const key of ['a', 'b', 'c', 'c']) memo.of(key);
    expect(make).toHaveBeenCalledTimes(3);
    expect(memo.of('a')).toBe(1);
    expect(make).toHaveBeenCalledTimes(4);
  });

  it('does not keep what could not be made', () => {
    let fails = true;
    const memo = new Memo((key: string) => {
      if (fails) throw new Error(`no ${key}`);
      return key;
    }, 2);
    expect(() => memo.of('a')).toThrow('no a');
    fails = false;
    expect(memo.of('a')).toBe('a');
  });
});
