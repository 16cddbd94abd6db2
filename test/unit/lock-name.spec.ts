import { inherits } from 'node:util';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { LockNameError } from '../../lib/errors.js';
import { LockNameTemplate } from '../../lib/lock/name/lock-names.js';

function render(template: string, data: Readonly<Record<string, unknown>> = {}): string {
  return LockNameTemplate.parse(template).render((root) => data[root], 'ShareService.update');
}

function failure(work: () => unknown): LockNameError {
  try {
    work();
  } catch (error) {
    if (error instanceof LockNameError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

function problem(template: string, data: Readonly<Record<string, unknown>> = {}): string {
  const { message } = failure(() => render(template, data));
  expect(message.split('\n')).toHaveLength(1);
  return message.slice(message.indexOf(': ') + 2);
}

const NEEDED =
  'a lock name needs a non-empty string, a finite number, a bigint, a boolean, a date, or an object whose class has a toString of its own';

describe('a lock name template', () => {
  it('knows its source and the first segment of each field, once and in order of appearance', () => {
    const template = LockNameTemplate.parse('<b.x>-{a[y]}-<b>-<this.z>-<<no>>');
    expect(template.source).toBe('<b.x>-{a[y]}-<b>-<this.z>-<<no>>');
    expect(template.roots).toEqual(['b', 'a', 'this']);
    expect(LockNameTemplate.parse('plain').roots).toEqual([]);
  });

  it('takes any character up to the bracket as part of a key', () => {
    const key = 'a.b<>{}[!:"';
    expect(render(`<a[${key}]>`, { a: { [key]: 1 } })).toBe('1');
    expect(render(`{a[${key}].b}`, { a: { [key]: { b: 2 } } })).toBe('2');
  });

  it('reads doubled brackets as literal ones, from left to right', () => {
    expect(render('<<n>>{{n}}<n>>>}}{n}', { n: 1 })).toBe('<n>{n}1>}1');
    expect(problem('<<n>')).toBe("'>' at character 4 closes nothing; write '>>' for a literal one");
    expect(problem('<n>>')).toBe("'>' at character 4 closes nothing; write '>>' for a literal one");
  });

  it('reads identifiers of every script, and those with $ and _', () => {
    expect(render('<größe>-<$a>-<_b.ид>-<c𝒳>', { größe: 1, $a: 2, _b: { ид: 3 }, c𝒳: 4 })).toBe('1-2-3-4');
  });

  it.each([
    ['', 'it is empty; name what the lock protects'],
    ['a<', "'<' at character 2 is not closed; write '<<' for a literal one"],
    ['<a.b', "'<' at character 1 is not closed; write '<<' for a literal one"],
    ['{a', "'{' at character 1 is not closed; write '{{' for a literal one"],
    ['a>', "'>' at character 2 closes nothing; write '>>' for a literal one"],
    ['<a}', "'a' is followed by '}', which no name has; write such keys as [key]"],
    ['{a>', "'a' is followed by '>', which no name has; write such keys as [key]"],
    ['<>', "the field '<>' is empty; name a parameter in it, or double the brackets"],
    ['<0>', "the field '0' is positional; name the parameter instead"],
    ['<12.id>', "the field '12' is positional; name the parameter instead"],
    ['<a:>9>', "'a' has a format spec; values are put in as they are, so leave it out"],
    ['<a.b!s>', "'a.b' has a conversion; values are put in as they are, so leave it out"],
    ['<a[]>', "'a[]' has an empty key; name one"],
    ['<a[b>', "the '[' after 'a' is not closed; add the ']'"],
    ['<a[b]c>', "'a[b]' is followed by 'c'; after a key comes '.', '[' or the closing bracket"],
    ['<.a>', "the field at character 1 has no parameter name before '.'; begin with one"],
    ['<[a]>', "the field at character 1 has no parameter name before '['; begin with one"],
    ['< a>', "the field at character 1 has no parameter name before ' '; begin with one"],
    ['<#a>', "the field at character 1 has no parameter name before '#'; begin with one"],
    ['<a.>', "'a.' is not followed by an attribute name; keys are written a[key]"],
    ['<a.0>', "'a.' is not followed by an attribute name; keys are written a[key]"],
    ['<a-b>', "'a' is followed by '-', which no name has; write such keys as [key]"],
    ['<a🔒>', "'a' is followed by '🔒', which no name has; write such keys as [key]"],
  ])('refuses %s when it is parsed, and says what to do', (template, message) => {
    expect(problem(template)).toBe(message);
    expect(() => LockNameTemplate.parse(template)).toThrow(LockNameError);
  });

  it.each([undefined, null, 1, {}, ['a'], Symbol('a')])('refuses %o, which is not a string', (value) => {
    expect(failure(() => LockNameTemplate.parse(value as never)).message).toMatch(
      /: it has to be a string, not (undefined|null|number|object|symbol)$/,
    );
  });

  it('names the place when it is told where the template stands', () => {
    const { message } = failure(() => LockNameTemplate.parse('<', 'ShareService.update'));
    expect(message).toMatch(/^Lock name '<' of ShareService\.update: /);
  });

  it('stays one line of bearable length in a message, whatever is in it', () => {
    const { message } = failure(() => LockNameTemplate.parse(`a\r\nb\u2028${'c'.repeat(9999)}<`));
    expect(message).toContain("'a\\u000d\\u000ab\\u2028ccc");
    expect(message.length).toBeLessThan(400);
    expect(problem(`<${'a.'.repeat(99)}b>`, { a: {} })).toMatch(
      /only objects have fields$|is missing; .* of its own$/,
    );
    expect(failure(() => LockNameTemplate.parse(`<a[${'b'.repeat(9999)}]c>`)).message.length).toBeLessThan(
      1400,
    );
  });
});

/** As older packages make their errors, such as jsonwebtoken. */
function OldError(this: Error, message: string): void {
  Error.call(this);
  this.name = 'OldError';
  this.message = message;
}
inherits(OldError, Error);

const FIELD_OF_A = "name one of its fields, as in '<a.id>', or make the name in a key function";

describe('a rendered lock name', () => {
  it('takes strings, finite numbers, bigints and booleans as they are', () => {
    const data = { s: ' ', i: 42, f: 3.5, z: -0, l: 1e21, b: 12345678901234567890n, t: true, n: false };
    expect(render('<s>|<i>|<f>|<z>|<l>|<b>|<t>|<n>', data)).toBe(
      ' |42|3.5|0|1e+21|12345678901234567890|true|false',
    );
  });

  it('takes the text of an object that has one of its own, and the ISO text of a date', () => {
    class ObjectId {
      constructor(private readonly hex: string) {}

      toString(): string {
        return this.hex;
      }
    }
    class OrderId extends ObjectId {}
    const data = {
      id: new ObjectId('65a0'),
      order: new OrderId('7'),
      url: new URL('http://a/'),
      at: new Date(0),
      elsewhere: runInNewContext('new Date(0)') as unknown,
      boxed: Object('x') as unknown,
    };
    expect(render('<id>|<order>|<url>|<at>|<elsewhere>|<boxed>', data)).toBe(
      '65a0|7|http://a/|1970-01-01T00:00:00.000Z|1970-01-01T00:00:00.000Z|x',
    );
  });

  it('never reads brackets in a value as fields', () => {
    expect(render('<a>', { a: '<b>{b}<<' })).toBe('<b>{b}<<');
  });

  it.each([
    ['<a>', { a: undefined }, `a is undefined; ${NEEDED}`],
    ['<a>', { a: null }, `a is null; ${NEEDED}`],
    ['<a>', { a: '' }, `a is an empty string; ${NEEDED}`],
    ['<a>', { a: Number.NaN }, `a is NaN; ${NEEDED}`],
    ['<a>', { a: -Infinity }, `a is -Infinity; ${NEEDED}`],
    ['<a>', { a: {} }, `a is an object; ${NEEDED}; ${FIELD_OF_A}`],
    ['<a>', { a: new (class Order {})() }, `a is an object; ${NEEDED}; ${FIELD_OF_A}`],
    ['<a>', { a: Object.create(null) }, `a is an object; ${NEEDED}; ${FIELD_OF_A}`],
    ['<a>', { a: new Error('x') }, `a is an object; ${NEEDED}; ${FIELD_OF_A}`],
    ['<a>', { a: runInNewContext('new Error(1)') }, `a is an object; ${NEEDED}; ${FIELD_OF_A}`],
    ['<a>', { a: new Date(Number.NaN) }, 'a is an object; give a valid date'],
    [
      '<a>',
      { a: Buffer.from('ab') },
      "a is an object; give its text, as by toString('hex'), in a key function",
    ],
    ['<a>', { a: { toString: () => '' } }, `a is an object; its toString gives no text; ${NEEDED}`],
    ['<a>', { a: { toString: 5 } }, `a is an object; ${NEEDED}; ${FIELD_OF_A}`],
    [
      '<a>',
      { a: { toString: () => '{\n  id: 7\n}' } },
      "a is an object; its toString does not name it; name one of its fields, as in '<a.id>'",
    ],
    [
      '<a>',
      { a: { toString: () => "{ name: 'ann', _id: new ObjectId('65a0') }" } },
      "a is an object; its toString does not name it; name one of its fields, as in '<a.id>'",
    ],
    [
      '<a>',
      { a: { toString: () => '{"name":"ann"}' } },
      "a is an object; its toString does not name it; name one of its fields, as in '<a.id>'",
    ],
    [
      '<a>',
      { a: ['x'] },
      "a is an array; choose one of its elements, as in '<a[0]>', or join them in a key function",
    ],
    ['<a>', { a: () => 'x' }, `a is a function; ${NEEDED}`],
    ['<a>', { a: Symbol('x') }, `a is a symbol; ${NEEDED}`],
    ['<a.b>', { a: { b: undefined } }, `a.b is undefined; ${NEEDED}`],
    ['<a.b>', { a: {} }, `a.b is missing; ${NEEDED}`],
    ['<a[b c]>', { a: {} }, `a[b c] is missing; ${NEEDED}`],
    ['<a[0][x].y>', { a: [{ x: {} }] }, `a[0][x].y is missing; ${NEEDED}`],
    ['<a[-1]>', { a: ['x'] }, `a[-1] is missing; ${NEEDED}`],
    ['<a.b>', { a: undefined }, 'a.b cannot be read, because a is undefined; only objects have fields'],
    ['<a.b.c>', { a: { b: null } }, 'a.b.c cannot be read, because a.b is null; only objects have fields'],
    ['<a.length>', { a: 'text' }, 'a.length cannot be read, because a is a string; only objects have fields'],
    ['<a[0]>', { a: 'text' }, 'a[0] cannot be read, because a is a string; only objects have fields'],
    ['<a.b>', { a: 1 }, 'a.b cannot be read, because a is a number; only objects have fields'],
    [
      '<a.name>',
      { a: class X {} },
      'a.name cannot be read, because a is a function; only objects have fields',
    ],
  ])('is refused for %s of %o', (template, data, message) => {
    expect(problem(template, data)).toBe(message);
  });

  it('is refused for errors of every make, whose text names what went wrong', () => {
    for (const a of [new DOMException('x'), AbortSignal.abort().reason, Reflect.construct(OldError, ['x'])])
      expect(problem('<a>', { a })).toBe(`a is an object; ${NEEDED}; ${FIELD_OF_A}`);
  });

  it('is refused for a promise and for what would be read through one, and says to await it', () => {
    const promise = Object.assign(Promise.resolve({ id: 1 }), { id: 2 });
    // oxlint-disable-next-line unicorn/no-thenable -- query builders are such objects
    const query = { then: () => undefined };
    const advice = 'await it before the call';
    expect(problem('<a>', { a: promise })).toBe(`a is a promise; ${advice}`);
    expect(problem('<a>', { a: query })).toBe(`a is a promise; ${advice}`);
    expect(problem('<a.b>', { a: { b: promise } })).toBe(`a.b is a promise; ${advice}`);
    expect(problem('<a.id>', { a: promise })).toBe(`a.id cannot be read, because a is a promise; ${advice}`);
    expect(problem('<a[id]>', { a: query })).toBe(`a[id] cannot be read, because a is a promise; ${advice}`);
  });

  it.each([
    'constructor',
    'toString',
    '__proto__',
    'constructor.name',
    'constructor[name]',
    'hasOwnProperty.length',
  ])('takes nothing from what every object inherits: %s', (path) => {
    expect(() => render(`<a.${path}>`, { a: {} })).toThrow(LockNameError);
    expect(() => render(`<a.${path}>`, { a: new (class A {})() })).toThrow(LockNameError);
  });

  it('reads getters and inherited fields, and objects without a prototype', () => {
    class Base {
      get id(): string {
        return this.own + '!';
      }
      own = 'x';
    }
    class Share extends Base {}
    expect(render('<a.id>-<a[id]>', { a: new Share() })).toBe('x!-x!');
    expect(render('<a.id>', { a: Object.assign(Object.create(null), { id: 1 }) })).toBe('1');
  });

  it('reads the entries of a map by key, its properties by attribute', () => {
    const a = new Map<unknown, unknown>([
      ['size', 'x'],
      ['7', 'text'],
      [7, 'number'],
      [8, 'eight'],
      ['none', undefined],
    ]);
    expect(render('<a[size]>-<a.size>-<a[7]>-<a[8]>', { a })).toBe('x-5-text-eight');
    expect(problem('<a[has]>', { a })).toBe(`a[has] is missing; ${NEEDED}`);
    expect(problem('<a[08]>', { a })).toBe(`a[08] is missing; ${NEEDED}`);
    expect(problem('<a[none]>', { a })).toBe(`a[none] is undefined; ${NEEDED}`);
  });

  it('keeps an error of the application as the cause, and its message out of its own', () => {
    const secret = new Error('password=hunter2');
    const a = {
      get id(): string {
        throw secret;
      },
    };
    const error = failure(() => render('x-<a.id>', { a }));
    expect(error.message).toBe(
      "Lock name 'x-<a.id>' of ShareService.update: reading a.id threw an error; see its cause",
    );
    expect(error.cause).toBe(secret);
    const revoked = Proxy.revocable({}, {});
    revoked.revoke();
    expect(problem('<a>', { a: revoked.proxy })).toBe('reading a threw an error; see its cause');
  });

  it('names template, field, place and remedy in one message', () => {
    expect(
      failure(() => render('<fName>-<share.id>', { fName: 'update', share: { id: undefined } })).message,
    ).toBe(`Lock name '<fName>-<share.id>' of ShareService.update: share.id is undefined; ${NEEDED}`);
  });
});
