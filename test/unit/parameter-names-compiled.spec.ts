import ts from 'typescript';
import { minifySync } from 'vite';
import { describe, expect, it } from 'vitest';
import { parametersOf } from '../../lib/synchronized/naming/parameter-names.js';

/** Runs the source of a module and gives the first target that its `decorate` was called with, as a decorator gets it. */
function targetOf(source: string): object {
  const targets: object[] = [];
  const decorate = (target: object): void => void targets.push(target);
  const module = { exports: {} };
  // oxlint-disable-next-line typescript/no-implied-eval -- this is what compilers make, and it has to be run
  new Function('decorate', 'exports', 'module', 'require', source)(
    decorate,
    module.exports,
    module,
    () => ({}),
  );
  const [target] = targets;
  if (target === undefined) throw new Error('nothing was decorated');
  return target;
}

const SOURCE = `
  export class ShareService {
    static self = ShareService;
    #cache = new Map<string, string>();
    constructor(private readonly repository: unknown, readonly region = 'eu') {}
    @decorate
    async update(share: { id: string }, size: number = 5, ...tags: string[]): Promise<unknown> {
      await import('node:fs');
      return [share?.id ?? this.#cache, size, tags, this.repository];
    }
  }`;

const EXPECTED = [
  { name: 'share', index: 0, rest: false },
  { name: 'size', index: 1, rest: false, default: { value: 5 } },
  { name: 'tags', index: 2, rest: true },
];

function tsc(target: ts.ScriptTarget): string {
  return ts.transpileModule(SOURCE, {
    compilerOptions: { target, module: ts.ModuleKind.CommonJS, experimentalDecorators: true },
  }).outputText;
}

const PLAIN = `class ShareService { update(share, all = true, ...tags) { return [share, all, tags, this]; } }
  decorate(ShareService.prototype);`;

describe('the parameters of a compiled method', () => {
  it.each([
    ['ESNext', ts.ScriptTarget.ESNext],
    ['ES2022', ts.ScriptTarget.ES2022],
    ['ES2021', ts.ScriptTarget.ES2021],
    ['ES2018', ts.ScriptTarget.ES2018],
  ])('are read from what tsc makes for %s', (_name, target) => {
    expect(parametersOf(targetOf(tsc(target)), 'update')).toEqual(EXPECTED);
  });

  it('are not guessed where tsc wrote a function for the method', () => {
    const parameters = parametersOf(targetOf(tsc(ts.ScriptTarget.ES2015)), 'update') ?? [];
    expect(parameters.map((p) => p.name)).not.toContain('size');
  });

  it.each([
    ['swc, oxc', `let X = class X { update(share, size = 5, ...tags) {} }; decorate(X.prototype);`],
    ['anonymous', `const X = class { update(share, size = 5, ...tags) {} }; decorate(X.prototype);`],
    [
      'esbuild, names kept',
      `const __name = (f) => f; class X { static { __name(this, 'X'); } update(share, size = 5, ...tags) {} } decorate(X.prototype);`,
    ],
    [
      'static blocks',
      `let X = class X { static { X._1 = this; } static a = 1; ['b'] = 2; update(share, size = 5, ...tags) {} }; decorate(X.prototype);`,
    ],
    [
      'comments',
      `class X/* { */ { // update(a) {}\n update(/* a, */ share, // b\n size = /* 6 */ 5, ...tags) { '}' } } decorate(X.prototype);`,
    ],
    [
      'heritage',
      `const mixin = (B) => class extends B {}; class X extends mixin(class { update(wrong) {} }) { update(share, size = 5, ...tags) { return super.update } } decorate(X.prototype);`,
    ],
    [
      'private names of an outer class',
      `class O { #a = 1; static m() { return class X { update(share, size = 5, ...tags) { return share.#a } } } } decorate(O.m().prototype);`,
    ],
    [
      'super of an outer method',
      `const o = { m() { return class X extends (super.toString, Object) { update(share, size = 5, ...tags) {} } } }; decorate(o.m().prototype);`,
    ],
    [
      'nested namesakes',
      `class X { other() { return class { update(wrong) {} } } update(share, size = 5, ...tags) {} static update(alsoWrong) {} } decorate(X.prototype);`,
    ],
    [
      'quoted and computed names',
      `const update = 'other'; class X { 'update'(share, size = 5, ...tags) {} [update](wrong) {} } decorate(X.prototype);`,
    ],
    [
      'the last of two namesakes',
      `class X { update(wrong) {} update(share, size = 5, ...tags) {} } decorate(X.prototype);`,
    ],
    ['escapes', `class X { u\\u0070date(sh\\u0061re, size = 5, ...tags) {} } decorate(X.prototype);`],
  ])('are read from other shapes: %s', (_name, source) => {
    expect(parametersOf(targetOf(source), 'update')).toEqual(EXPECTED);
  });

  it('keep places and defaults when a minifier renamed them', () => {
    const { code } = minifySync('x.js', PLAIN, { compress: true, mangle: { toplevel: true } });
    expect(code).not.toContain('share');
    const parameters = parametersOf(targetOf(code), 'update') ?? [];
    expect(parameters.map(({ name = '', ...others }) => ({ short: name.length < 3, ...others }))).toEqual([
      { short: true, index: 0, rest: false },
      { short: true, index: 1, rest: false, default: { value: true } },
      { short: true, index: 2, rest: true },
    ]);
  });

  it('keep their names when only white space was taken out', () => {
    const { code } = minifySync('x.js', PLAIN, { compress: true, mangle: false });
    expect(parametersOf(targetOf(code), 'update')?.map((p) => p.name)).toEqual(['share', 'all', 'tags']);
  });

  it('are unknown where classes are compiled to functions, or their source cannot be parsed', () => {
    const asFunction = `function X() {} X.prototype.update = function (share) {}; decorate(X.prototype);`;
    expect(parametersOf(targetOf(asFunction), 'update')).toBeUndefined();
    const unparsable = `class X { [new.target](){} update(share) {} } decorate(X.prototype);`;
    expect(parametersOf(targetOf(unparsable), 'update')).toBeUndefined();
  });
});
