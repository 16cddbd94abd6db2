import { runInThisContext } from 'node:vm';
import { mixin } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { LockScope } from 'nestjs-coordination';
import { classNameOf } from '../../lib/lock/name/class-name.js';

function nameOf(constructor: Function): string {
  return classNameOf(constructor, (problem) => {
    throw new Error(problem);
  });
}

/** A class as a build leaves it. */
function built(source: string): Function {
  return runInThisContext(`(() => { ${source}; return exported; })()`) as Function;
}

describe('the name of a class in lock names', () => {
  it.each([
    ['as compilers leave it', 'class NightlyService {\n}; const exported = NightlyService', 'NightlyService'],
    [
      'of a decorated class by esbuild',
      'var NightlyService = class {\n}; const exported = NightlyService',
      'NightlyService',
    ],
    [
      'of a class that refers to itself',
      'const exported = (() => { const NightlyService = class _NightlyService {\n}; return NightlyService; })()',
      'NightlyService',
    ],
    [
      'that a minifier was told to keep',
      "var a=class{async run(){}};Object.defineProperty(a,'name',{value:'NightlyService'});const exported=a",
      'NightlyService',
    ],
    [
      'that was given on purpose, and is as long as a random one',
      "const exported = class Cleaner {\n}; Object.defineProperty(exported, 'name', { value: 'NightlyCleanerService' })",
      'NightlyCleanerService',
    ],
    ['that is short, and of the source', 'class Tax {\n  run() {}\n}; const exported = Tax', 'Tax'],
    [
      'that ends with a number in the source',
      'class OAuth2 {\n  run() {}\n}; const exported = OAuth2',
      'OAuth2',
    ],
  ])('is the one %s', (_what, source, name) => {
    expect(nameOf(built(source))).toBe(name);
  });

  it.each([
    ['a minifier', 'var r=class{async run(){}};const exported=r'],
    ['a minifier that keeps the class', 'class s{static again=()=>s;async run(e){}};const exported=s'],
    ['a minifier of a large bundle', 'class aB3 extends Object{async run(e){}};const exported=aB3'],
    [
      'esbuild, beside another class of that name',
      'var NightlyService2 = class {\n}; const exported = NightlyService2',
    ],
    [
      'a bundler that joins modules',
      'class nightly_service_NightlyService {\n}; const exported = nightly_service_NightlyService',
    ],
  ])('is refused where it is the work of %s', (_who, source) => {
    expect(() => nameOf(built(source))).toThrow(/^the class is called '\w+', which looks like .*@LockScope/);
  });

  it('is refused where mixin() of Nest has made it, at random in each process', () => {
    const random =
      /^the class is called '[\da-f]{21}', which looks like the work of mixin\(\) of Nest.*@LockScope/;
    class Cleaner {}
    for (const type of [Cleaner, class {}]) expect(() => nameOf(mixin(type))).toThrow(random);
    class Weekly extends Cleaner {}
    expect(nameOf(Weekly)).toBe('Weekly');
    LockScope('Cleaner')(Cleaner);
    expect(nameOf(Cleaner)).toBe('Cleaner');
  });

  it('is what @LockScope says, and that of a class below it is not', () => {
    @LockScope('Nightly')
    class a {
      run(): void {}
    }
    class WeeklyService extends a {}
    expect(nameOf(a)).toBe('Nightly');
    expect(nameOf(WeeklyService)).toBe('WeeklyService');
    for (const name of ['', 5, undefined])
      expect(() => LockScope(name as string)(a)).toThrow(/non-empty string/);
  });
});
