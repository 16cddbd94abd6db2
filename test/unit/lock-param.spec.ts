import { describe, expect, it } from 'vitest';
import { InvalidOptionsError } from '../../lib/errors.js';
import { explicitNamesOf, LockParam } from '../../lib/synchronized/naming/lock-param.decorator.js';

class Shares {
  update(@LockParam('share') share: unknown, size: unknown, @LockParam('tag') tag: unknown): unknown {
    return [share, size, tag];
  }
  remove(share: unknown): unknown {
    return share;
  }
  static update(@LockParam('ofStatic') share: unknown): unknown {
    return share;
  }
}

class BigShares extends Shares {
  override update(share: unknown, @LockParam('size') size: unknown): unknown {
    return [share, size];
  }
}

class PlainShares extends Shares {
  override update(share: unknown): unknown {
    return share;
  }
}

function place(name: string): string {
  return `@LockParam(${name}) on parameter 1 of ShareService.update: `;
}

function refused(name: unknown, ...more: readonly [string, number][]): string {
  const target = Object.create(null, { constructor: { value: class ShareService {} } }) as object;
  try {
    for (const [first, index] of more) LockParam(first)(target, 'update', index);
    LockParam(name as string)(target, 'update', 1);
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidOptionsError);
    return (error as Error).message;
  }
  throw new Error('it was accepted');
}

describe('@LockParam', () => {
  it('names parameters of the method on which it stands, and of no other', () => {
    expect([...explicitNamesOf(Shares.prototype, 'update')]).toEqual([
      [2, 'tag'],
      [0, 'share'],
    ]);
    expect(explicitNamesOf(Shares.prototype, 'remove').size).toBe(0);
    expect([...explicitNamesOf(Shares, 'update')]).toEqual([[0, 'ofStatic']]);
  });

  it('passes nothing on to a method that overrides this one', () => {
    expect([...explicitNamesOf(BigShares.prototype, 'update')]).toEqual([[1, 'size']]);
    expect(explicitNamesOf(PlainShares.prototype, 'update').size).toBe(0);
  });

  it('refuses names that are empty, no identifiers, built in or taken, naming class and method', () => {
    expect(refused('')).toBe(`${place('""')}the name has to be a non-empty string`);
    expect(refused(undefined)).toBe(`${place('undefined')}the name has to be a non-empty string`);
    const identifier = 'the name has to be an identifier, so that a lock name can hold it';
    expect(refused('a b')).toBe(`${place('"a b"')}${identifier}`);
    expect(refused('a.b')).toBe(`${place('"a.b"')}${identifier}`);
    expect(refused('0')).toBe(`${place('"0"')}${identifier}`);
    for (const name of ['this', 'fName', 'f_name', 'className', 'class_name']) {
      expect(refused(name)).toBe(
        `${place(`"${name}"`)}every lock name has a field of that name already; choose another`,
      );
    }
    expect(refused('share', ['share', 0])).toBe(
      `${place('"share"')}parameter 0 has that name already; choose another`,
    );
    expect(refused('b', ['a', 1])).toBe(
      `${place('"b"')}the parameter is named 'a' already; leave one of the two`,
    );
  });

  it('refuses parameters of constructors', () => {
    expect(() => {
      class ShareService {
        constructor(@LockParam('share') readonly share: unknown) {}
      }
      return ShareService;
    }).toThrow(
      new InvalidOptionsError(
        '@LockParam("share") on parameter 0 of the constructor of ShareService: only methods take locks; ' +
          'move it to a parameter of a method with @Synchronized',
      ),
    );
  });
});
