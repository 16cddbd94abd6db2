import { runInThisContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { parametersOf } from '../../lib/synchronized/naming/parameter-names.js';

/** Real classes, as the test's own compiler leaves them. */
class Base {
  inherited(fromBase: unknown): unknown {
    return fromBase;
  }
  overridden(fromBase: unknown): unknown {
    return fromBase;
  }
}

const key = Symbol('key');

class Shares extends Base {
  static update(ofStatic: unknown): unknown {
    return ofStatic;
  }
  static get size(): number {
    return 1;
  }
  static override toString(): string {
    return 'class Shares { update(wrong) {} }';
  }
  #secret(ofPrivate: unknown): unknown {
    return ofPrivate;
  }
  update(share: unknown, size: unknown): unknown {
    return [share, size, this.#secret(1)];
  }
  size(ofMethod: unknown): unknown {
    return ofMethod;
  }
  secret(ofPublic: unknown): unknown {
    return ofPublic;
  }
  get status(): string {
    return 'ok';
  }
  set status(ofSetter: string) {
    throw new Error(ofSetter);
  }
  override overridden(fromShares: unknown): unknown {
    return fromShares;
  }
  async *list(page: unknown): AsyncGenerator {
    yield page;
  }
  'quoted-name'(ofQuoted: unknown): unknown {
    return ofQuoted;
  }
  [key](ofSymbol: unknown): unknown {
    return ofSymbol;
  }
  none(): void {}
}

class Shapes {
  run(
    { id }: { id?: string } = {},
    [first]: string[],
    text = 'a"b',
    template = `c`,
    negative = -5,
    big = 10n,
    negativeBig = -10n,
    yes = true,
    no = false,
    nothing = null,
    computed = Date.now(),
    joined = `x${text}`,
    pattern = /x/,
    ...rest: unknown[]
  ): unknown[] {
    return [
      id,
      first,
      text,
      template,
      negative,
      big,
      negativeBig,
      yes,
      no,
      nothing,
      computed,
      joined,
      pattern,
      rest,
    ];
  }
  destructuredRest(first: unknown, ...[second]: unknown[]): unknown[] {
    return [first, second];
  }
}

function names(target: object, propertyKey: string | symbol): readonly (string | undefined)[] | undefined {
  return parametersOf(target, propertyKey)?.map(({ name }) => name);
}

describe('the parameters of a method', () => {
  it('are those of the method, and not of a static, private, accessor or inherited namesake', () => {
    expect(names(Shares.prototype, 'update')).toEqual(['share', 'size']);
    expect(names(Shares.prototype, 'size')).toEqual(['ofMethod']);
    expect(names(Shares.prototype, 'secret')).toEqual(['ofPublic']);
    expect(names(Shares.prototype, 'overridden')).toEqual(['fromShares']);
    expect(names(Base.prototype, 'overridden')).toEqual(['fromBase']);
    expect(names(Shares.prototype, 'none')).toEqual([]);
    expect(names(Shares.prototype, 'list')).toEqual(['page']);
    expect(names(Shares.prototype, 'quoted-name')).toEqual(['ofQuoted']);
  });

  it('are those of the static method when the target is the class', () => {
    expect(names(Shares, 'update')).toEqual(['ofStatic']);
    expect(names(Shares, 'list')).toBeUndefined();
  });

  it('are unknown for symbols, accessors, inherited methods and native code', () => {
    expect(parametersOf(Shares.prototype, key)).toBeUndefined();
    expect(parametersOf(Shares.prototype, 'status')).toBeUndefined();
    expect(parametersOf(Shares.prototype, 'inherited')).toBeUndefined();
    expect(parametersOf(Map.prototype, 'get')).toBeUndefined();
    expect(parametersOf(Object.create(null), 'get')).toBeUndefined();
    expect(parametersOf(Object.create(Shares.prototype), 'update')).toBeUndefined();
    expect(parametersOf(class {}.bind(null), 'get')).toBeUndefined();
  });

  it('have literal defaults, and tell the others apart', () => {
    const parameters = parametersOf(Shapes.prototype, 'run') ?? [];
    const defaults = Object.fromEntries(
      parameters.filter((p) => p.default !== undefined).map((p) => [p.name, p.default?.value]),
    );
    expect(defaults).toEqual({
      text: 'a"b',
      template: 'c',
      negative: -5,
      big: 10n,
      negativeBig: -10n,
      yes: true,
      no: false,
      nothing: null,
    });
    const computed = parameters.filter((p) => p.computedDefault).map((p) => p.name);
    expect(computed).toEqual([undefined, 'computed', 'joined', 'pattern']);
  });

  it('have literal defaults that a coverage tool has put a counter before', () => {
    const covered = runInThisContext(
      '(class { list(page = (counter.b[0]++, 1), size = (counter.b[0]++, Math.max(1, 2))) {} })',
    ) as { prototype: object };
    const [page, size] = parametersOf(covered.prototype, 'list') ?? [];
    expect([page?.default?.value, size?.default, size?.computedDefault]).toEqual([1, undefined, true]);
  });

  it('have no name when they are destructured, and say when they are the rest', () => {
    const parameters = parametersOf(Shapes.prototype, 'run') ?? [];
    expect(parameters.slice(0, 2).map((p) => p.name)).toEqual([undefined, undefined]);
    expect(parameters.filter((p) => p.rest)).toEqual([{ name: 'rest', index: 13, rest: true }]);
    expect(parametersOf(Shapes.prototype, 'destructuredRest')).toEqual([
      { name: 'first', index: 0, rest: false },
      { index: 1, rest: true },
    ]);
  });

  it('are there under a wrapper that stands in place of the method', () => {
    class Wrapped {
      update(share: unknown): unknown {
        return share;
      }
    }
    Wrapped.prototype.update = (...args: unknown[]) => args;
    expect(names(Wrapped.prototype, 'update')).toEqual(['share']);
  });

  it('are parsed once for all methods of a class', () => {
    expect(parametersOf(Shares.prototype, 'update')).toBe(parametersOf(Shares.prototype, 'update'));
  });
});
