import { beforeAll, describe, expect, it } from 'vitest';
import ts from 'typescript';
import { type NameWithDocs, numbersOf, withDocs } from './docs-of.js';
import { entryFiles, packageProgram, publicNames } from './public-names.js';
import { Throwing } from './throwing.js';

/** What tells the unit of a number: a unit of time, or what is counted. */
const UNIT = /\b(ms|µs|seconds?|how many|how often|number|numbers|counts?|from \d+ to \d+|times)\b/i;

let program: ts.Program;
let checker: ts.TypeChecker;
let names: readonly NameWithDocs[];

/** A constructor is told of by its class, unless it throws. */
function isConstructor({ declarations }: NameWithDocs): boolean {
  return declarations.some((each) => ts.isConstructorDeclaration(each));
}

function pathsOf(found: readonly NameWithDocs[]): string[] {
  return found.map(({ path }) => path);
}

describe('the docstrings of what applications import', () => {
  // The compiler reads all of the package, which takes a busy machine a while.
  beforeAll(() => {
    program = packageProgram();
    checker = program.getTypeChecker();
    names = withDocs(publicNames(program, entryFiles()));
  }, 120_000);

  it('there are some for each entry point', () => {
    for (const file of entryFiles()) expect(publicNames(program, [file]), file).not.toEqual([]);
    expect(names.length).toBeGreaterThan(300);
  });

  it('every exported name and every public member says what it is', () => {
    expect(pathsOf(names.filter((name) => !name.hasSummary && !isConstructor(name)))).toEqual([]);
  });

  it('every function and method that throws says so', () => {
    const throwing = new Throwing(
      checker,
      (file) => !program.isSourceFileFromExternalLibrary(file) && !file.isDeclarationFile,
    );
    const thrower = (name: NameWithDocs): boolean => name.declarations.some((each) => throwing.throws(each));
    expect(pathsOf(names.filter((name) => !name.tags.has('throws') && thrower(name)))).toEqual([]);
  });

  it('every number has its unit', () => {
    const unclear = names.filter((name) => !isConstructor(name) && !UNIT.test(name.text));
    const numbers = unclear.flatMap((name) =>
      numbersOf(name, checker).map((number) => `${name.path}: ${number}`),
    );
    expect(numbers).toEqual([]);
  });

  it('every class, decorator and function has an example', () => {
    const called = names.filter(({ kind }) => kind === 'class' || kind === 'function');
    expect(pathsOf(called.filter(({ tags }) => !tags.has('example')))).toEqual([]);
  });
});
