import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { LockNameError } from '../../lib/errors.js';
import { LockNameTemplate } from '../../lib/lock/name/lock-names.js';
import { bindTemplate } from '../../lib/synchronized/naming/parameter-lookup.js';

interface Vectors {
  readonly args: Readonly<Record<string, unknown>>;
  readonly names: readonly { readonly lockName: string; readonly rendered: string }[];
  readonly declaration: readonly { readonly lockName: string; readonly why: string }[];
  readonly call: readonly { readonly lockName: string; readonly why: string }[];
}

const vectors = JSON.parse(
  readFileSync(new URL('../vectors/lock-names.json', import.meta.url), 'utf8'),
) as Vectors;

type Args = readonly unknown[];

class ShareService {
  update(
    share: unknown,
    snap: unknown,
    list: unknown,
    n: unknown,
    neg: unknown,
    f: unknown,
    yes: unknown,
    no: unknown,
    none: unknown,
    empty: unknown,
    zero: unknown,
    text: unknown,
    uni: unknown,
    big: unknown,
  ): Args {
    return [share, snap, list, n, neg, f, yes, no, none, empty, zero, text, uni, big];
  }
}

const service = new ShareService();
const args = Object.values(vectors.args);

function declare(lockName: string) {
  return bindTemplate(LockNameTemplate.parse(lockName), ShareService.prototype, 'update');
}

describe('the vectors of lock names', () => {
  it('have their arguments in the order of the parameters', () => {
    expect(Object.keys(vectors.args).join()).toBe(
      'share,snap,list,n,neg,f,yes,no,none,empty,zero,text,uni,big',
    );
    expect([vectors.names.length, vectors.declaration.length, vectors.call.length]).toEqual([29, 16, 9]);
  });

  it.each(vectors.names)('render $lockName as $rendered', ({ lockName, rendered }) => {
    expect(declare(lockName).render(service, args)).toBe(rendered);
  });

  it.each(vectors.declaration)('refuse $lockName when the class is loaded: $why', ({ lockName }) => {
    expect(() => declare(lockName)).toThrow(LockNameError);
  });

  it('list every parameter and the remedy for a name that the method does not have', () => {
    expect(() => declare('<missing>')).toThrow(
      /share, snap, .*, big, this, fName, className; .*@LockParam\('missing'\)$/,
    );
  });

  it.each(vectors.call)('refuse $lockName at the call: $why', ({ lockName }) => {
    const bound = declare(lockName);
    expect(() => bound.render(service, args)).toThrow(LockNameError);
    expect(() => bound.render(service, args)).toThrow(/^Lock name '.+' of ShareService\.update: [^\n]+$/);
  });
});
