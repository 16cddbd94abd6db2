import { minifySync } from 'vite';
import { describe, expect, it } from 'vitest';
import { LockNameError } from '../../lib/errors.js';
import { LockNameTemplate } from '../../lib/lock/name/lock-names.js';
import { LockParam } from '../../lib/synchronized/naming/lock-param.decorator.js';
import { bindTemplate, type BoundTemplate } from '../../lib/synchronized/naming/parameter-lookup.js';

const LATER = 5;
const key = Symbol('purge');

class ShareService {
  readonly config = { region: 'eu' };

  update(share: unknown, size = 7, mode: unknown = LATER, ...tags: unknown[]): unknown {
    return [share, size, mode, tags];
  }
  destructure({ id }: { id?: string }, [first]: string[], last: unknown): unknown {
    return [id, first, last];
  }
  explicit(@LockParam('share') s: unknown, @LockParam('size') size2 = 3, ...others: unknown[]): unknown {
    return [s, size2, others];
  }
  swapped(@LockParam('snap') share: unknown, snap: unknown): unknown {
    return [share, snap];
  }
  shadowing(fName: unknown, className: unknown): unknown {
    return [fName, className];
  }
  nullable(share = null): unknown {
    return share;
  }
  none(): void {}
  [key](share: unknown): unknown {
    return share;
  }
  static refresh(region: unknown): unknown {
    return region;
  }
}

// By hand, because not every compiler takes a decorator on a rest parameter.
LockParam('ids')(ShareService.prototype, 'explicit', 2);

class NasShareService extends ShareService {}

function bind(
  lockName: string,
  method: string | symbol,
  target: object = ShareService.prototype,
): BoundTemplate {
  return bindTemplate(LockNameTemplate.parse(lockName), target, method);
}

function render(lockName: string, method: string | symbol, ...args: readonly unknown[]): string {
  return bind(lockName, method).render(new ShareService(), args);
}

function message(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(LockNameError);
    return (error as Error).message;
  }
  throw new Error('nothing was thrown');
}

describe('a lock name bound to a method', () => {
  it('reads arguments by name, the instance, the method and its class', () => {
    expect(render('<className>.<fName>-<share.id>-<this.config.region>', 'update', { id: 'abc' })).toBe(
      'ShareService.update-abc-eu',
    );
    expect(render('{class_name}.{f_name}', 'update')).toBe('ShareService.update');
    expect(bind('<className>.<fName>-<region>', 'refresh', ShareService).render(ShareService, ['eu'])).toBe(
      'ShareService.refresh-eu',
    );
  });

  it('names the class that declares the method when a class that extends it is called', () => {
    expect(bind('<className>-<this.config.region>', 'update').render(new NasShareService(), [])).toBe(
      'ShareService-eu',
    );
  });

  it('is constant when it depends on no argument and not on the instance', () => {
    expect(
      ['plain', '<fName>', '<<x>>', '{class_name}-{f_name}'].map((name) => bind(name, 'update').constant),
    ).toEqual([true, true, true, true]);
    expect(
      ['<share.id>', '<this.id>', '<fName>-<size>'].map((name) => bind(name, 'update').constant),
    ).toEqual([false, false, false]);
  });

  it('applies literal defaults to missing and undefined arguments, and to no others', () => {
    expect(render('<size>', 'update', 1)).toBe('7');
    expect(render('<size>', 'update', 1, undefined)).toBe('7');
    expect(render('<size>', 'update', 1, 0)).toBe('0');
    expect(message(() => render('<size>', 'update', 1, null))).toContain('size is null');
    expect(message(() => render('<share>', 'nullable'))).toContain('share is null');
  });

  it('says so when a default is not a literal', () => {
    expect(render('<mode>', 'update', 1, 2, 'x')).toBe('x');
    expect(message(() => render('<mode>', 'update', 1))).toBe(
      "Lock name '<mode>' of ShareService.update: mode is undefined and its default is not a literal, which only the method can see; pass it",
    );
  });

  it('reads the rest of the arguments by index', () => {
    expect(render('<tags[1]>', 'update', 1, 2, 3, 'a', 'b')).toBe('b');
    expect(message(() => render('<tags[0]>', 'update', 1))).toContain('tags[0] is missing');
    expect(message(() => render('<tags>', 'update', 1, 2, 3, 'a'))).toContain('tags is an array');
  });

  it('lets explicit names replace those in the source, with their defaults and rests', () => {
    expect(render('<share.id>-<size>-<ids[0]>', 'explicit', { id: 1 }, undefined, 'x')).toBe('1-3-x');
    expect(message(() => bind('<s.id>', 'explicit'))).toContain(
      "no parameter is called 's'; known names are share, size, ids, this",
    );
    expect(message(() => bind('<size2>', 'explicit'))).toContain("no parameter is called 'size2'");
  });

  it('lets an explicit name win over a parameter that has it in the source', () => {
    expect(render('<snap>', 'swapped', 'first', 'second')).toBe('first');
    expect(message(() => bind('<share>', 'swapped'))).toContain('known names are snap, this');
  });

  it('lets the built-in names win over parameters', () => {
    expect(render('<className>.<fName>', 'shadowing', 'a', 'b')).toBe('ShareService.shadowing');
  });

  it('names class, method and the names there are when it is bound to an unknown one', () => {
    expect(message(() => bind('x-<shares.id>', 'update'))).toBe(
      "Lock name 'x-<shares.id>' of ShareService.update: no parameter is called 'shares'; known names are " +
        "share, size, mode, tags, this, fName, className; use one of them, or name a parameter with @LockParam('shares')",
    );
    expect(message(() => bind('<id>', 'destructure'))).toContain(
      "known names are last, this, fName, className; parameter 0 is destructured, so nothing names it as a whole: write @LockParam('params')",
    );
    expect(message(() => bind('<constructor>', 'none'))).toContain(
      'known names are this, fName, className; use',
    );
  });

  it('asks for explicit names when those in the source are gone', () => {
    const source = 'return class ShareService { update(share, size) { return [share, size]; } }';
    const { code } = minifySync('x.js', `f = () => { ${source} }`, { mangle: true });
    // oxlint-disable-next-line typescript/no-implied-eval -- what a minifier makes has to be run
    const minified = new Function(`let f; ${code}; return f();`)() as { prototype: object };
    expect(message(() => bind('<share.id>', 'update', minified.prototype))).toMatch(
      /known names are \w, \w, this, fName, className; the class looks minified, so name the parameter with @LockParam\('share'\)$/,
    );
    LockParam('share')(minified.prototype, 'update', 0);
    expect(bind('<share.id>', 'update', minified.prototype).render(undefined, [{ id: 1 }])).toBe('1');
  });

  it('asks for explicit names when there is no source', () => {
    expect(message(() => bind('<share.id>', key))).toBe(
      "Lock name '<share.id>' of ShareService[Symbol(purge)]: no parameter is called 'share'; known names are " +
        "this, fName, className; its source cannot be read, so name the parameter with @LockParam('share')",
    );
    const native = class {}.bind(null).prototype ?? Object.create(null);
    LockParam('share')(native, 'update', 1);
    expect(bind('<fName>-<share>', 'update', native).render(undefined, ['a', 'b'])).toBe('update-b');
  });

  it('fails when the class or the method has no name to give', () => {
    const anonymous = (() =>
      class {
        update(): void {}
      })();
    expect(message(() => bind('<className>', 'update', anonymous.prototype).render(undefined, []))).toContain(
      'of (anonymous class).update: className is an empty string',
    );
    expect(bind('<fName>', key).render(undefined, [])).toBe('purge');
    expect(message(() => bind('<fName>', Symbol('')))).toContain('fName is an empty string');
  });

  it('fails at the call when the argument, or the instance, is not there', () => {
    expect(message(() => render('<share.id>', 'update'))).toContain('share is undefined');
    expect(message(() => bind('<this.id>', 'update').render(undefined, []))).toContain('this is undefined');
    expect(message(() => render('<share>', 'update', Promise.resolve('x')))).toContain(
      'share is a promise; await it',
    );
    expect(message(() => render('<this>', 'update'))).toContain('this is an object');
  });
});
