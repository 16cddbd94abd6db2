import { resolve } from 'node:path';
import ts from 'typescript';
import { beforeAll, describe, expect, it } from 'vitest';

/** The body of a class, and whether it compiles. */
const CASES: readonly [string, 'compiles' | 'is refused', string][] = [
  ['a promise', 'compiles', `@Synchronized('x') async m(share: Share): Promise<void> {}`],
  [
    'a promise of a value',
    'compiles',
    `@Synchronized('x') m(): Promise<number> { return Promise.resolve(1); }`,
  ],
  ['an Observable', 'compiles', `@Synchronized('x') m(): Observable<number> { return of(1); }`],
  ['an async generator', 'compiles', `@Synchronized('x') async *m(): AsyncGenerator<number> { yield 1; }`],
  [
    'an async iterable',
    'compiles',
    `@Synchronized('x', { returns: 'async-iterable' }) m(): AsyncIterable<number> { return this.g(); } async *g() { yield 1; }`,
  ],
  [
    'a promise or an Observable',
    'compiles',
    `@Synchronized('x', { returns: 'observable' }) m(): Promise<1> | Observable<1> { return of(1); }`,
  ],
  [
    'a private method',
    'compiles',
    `@Synchronized('x') private async m(): Promise<void> {} use() { return this.m(); }`,
  ],
  [
    'a generic method',
    'compiles',
    `@Synchronized('x') async m<T extends Share>(share: T): Promise<T> { return share; }`,
  ],
  [
    'all options',
    'compiles',
    `@Synchronized('x', { blocking: 5, ttl: 1000, fencing: true, fair: true, coordinator: 'a', onNotAcquired: 'skip', onLost: 'warn', returns: 'promise' }) async m() {}`,
  ],
  [
    'options that are undefined',
    'compiles',
    `@Synchronized('x', { blocking: undefined, ttl: undefined, fencing: undefined, fair: undefined, coordinator: undefined, onNotAcquired: undefined, onLost: undefined, returns: undefined }) async m() {}`,
  ],
  [
    'what applyDecorators has put together',
    'compiles',
    `@applyDecorators(Synchronized('x', { blocking: 5 })) async m() {} @applyDecorators(Synchronized((id: string) => id)) async n(id: string) {}`,
  ],
  ['a helper that returns a MethodDecorator', 'compiles', `@perShare() async m(): Promise<void> {}`],
  ['a helper that returns what it makes', 'compiles', `@PerShare() async m(share: Share): Promise<void> {}`],
  ['such a helper on a plain value', 'is refused', `@PerShare() m(share: Share): number { return 1; }`],
  [
    'a key function that reads this',
    'compiles',
    `tenant = ''; @Synchronized(function (this: Subject, id: string) { return this.tenant + id; }) async m(id: string) {}`,
  ],
  ['a plain value', 'is refused', `@Synchronized('x') m(): number { return 1; }`],
  ['nothing', 'is refused', `@Synchronized('x') m(): void {}`],
  [
    'a promise or a plain value',
    'is refused',
    `@Synchronized('x') m(): Promise<number> | number { return 1; }`,
  ],
  ['an array', 'is refused', `@Synchronized('x') m(): number[] { return []; }`],
  ['an arrow-function property', 'is refused', `@Synchronized('x') m = async (): Promise<void> => {};`],
  ['a getter', 'is refused', `@Synchronized('x') get m(): number { return 1; }`],

  [
    'a key function with all parameters',
    'compiles',
    `@Synchronized((share: Share, size: number) => share.id + size) async m(share: Share, size: number): Promise<void> {}`,
  ],
  [
    'a key function with fewer parameters',
    'compiles',
    `@Synchronized((share: Share) => share.id) async m(share: Share, size: number): Promise<void> {}`,
  ],
  [
    'a key function with none',
    'compiles',
    `@Synchronized(() => 'x') async m(share: Share): Promise<void> {}`,
  ],
  [
    'a key function of a wider type',
    'compiles',
    `@Synchronized((share: { id: string }) => share.id) async m(share: Share): Promise<void> {}`,
  ],
  [
    'a key function with another type',
    'is refused',
    `@Synchronized((share: { tenant: string }) => share.tenant) async m(share: Share): Promise<void> {}`,
  ],
  [
    'a key function with more parameters',
    'is refused',
    `@Synchronized((share: Share, size: number) => share.id + size) async m(share: Share): Promise<void> {}`,
  ],
  [
    'a key function that returns no string',
    'is refused',
    `@Synchronized((share: Share) => share.size) async m(share: Share): Promise<void> {}`,
  ],
  [
    'a key function that returns a promise',
    'is refused',
    `@Synchronized(async (share: Share) => share.id) async m(share: Share): Promise<void> {}`,
  ],

  ['several names', 'compiles', `@Synchronized(['a', 'b']) async m(): Promise<void> {}`],
  [
    'a key function that returns several names',
    'compiles',
    `@Synchronized((a: Share, b: Share) => [a.id, b.id]) async m(a: Share, b: Share): Promise<void> {}`,
  ],
  ['a permit of one name', 'compiles', `@Limited('<id>-export', 2) async m(id: string): Promise<void> {}`],
  [
    'a permit whose key function returns a name',
    'compiles',
    `@Limited((a: Share) => a.id, 2) async m(a: Share, size: number): Promise<void> {}`,
  ],
  ['a permit of several names', 'is refused', `@Limited(['a', 'b'], 2) async m(): Promise<void> {}`],
  [
    'a permit whose key function returns several names',
    'is refused',
    `@Limited((a: Share, b: Share) => [a.id, b.id], 2) async m(a: Share, b: Share): Promise<void> {}`,
  ],
  [
    'a permit whose key function returns a name or several',
    'is refused',
    `@Limited((a: Share, all: boolean): string | string[] => (all ? [a.id] : a.id), 2) async m(a: Share, all: boolean): Promise<void> {}`,
  ],
  [
    'a permit whose key function takes another type',
    'is refused',
    `@Limited((share: { tenant: string }) => share.tenant, 2) async m(share: Share): Promise<void> {}`,
  ],
  ['a list of numbers', 'is refused', `@Synchronized([1, 2]) async m(): Promise<void> {}`],
  [
    'the bounds of a lock',
    'compiles',
    `@Synchronized('x', { minHold: '1s', maxHold: 60_000, lockDelay: '5s', reentrant: true }) async m(): Promise<void> {}`,
  ],
  [
    'an option that there is not',
    'is refused',
    `@Synchronized('x', { sharedWith: true }) async m(): Promise<void> {}`,
  ],
  ['fairness by a word', 'is refused', `@Synchronized('x', { fair: 'yes' }) async m(): Promise<void> {}`],
  ['fencing by a word', 'is refused', `@Synchronized('x', { fencing: 'yes' }) async m(): Promise<void> {}`],
  [
    'the token of the current lease as a number or undefined',
    'compiles',
    `@Synchronized('x', { fencing: true }) async m(): Promise<number | undefined> { return currentLease()?.fencingToken; }`,
  ],
  [
    'the token as a number that is always there',
    'is refused',
    `@Synchronized('x') async m(lease: Lease): Promise<number> { return lease.fencingToken; }`,
  ],
  [
    'a token that somebody sets',
    'is refused',
    `@Synchronized('x') async m(lease: Lease): Promise<void> { lease.fencingToken = 7; }`,
  ],
  ['an unknown choice', 'is refused', `@Synchronized('x', { onLost: 'ignore' }) async m(): Promise<void> {}`],
];

const ELECTION_CASES: typeof CASES = [
  [
    '@LeaderOnly of a promise',
    'compiles',
    `@LeaderOnly('x') async m(share: Share): Promise<number> { return 1; }`,
  ],
  ['@LeaderOnly of a plain value', 'is refused', `@LeaderOnly('x') m(): number { return 1; }`],
  [
    '@LeaderOnly of an Observable',
    'is refused',
    `@LeaderOnly('x') m(): Observable<number> { return of(1); }`,
  ],
  [
    '@LeaderOnly with an unknown option',
    'is refused',
    `@LeaderOnly('x', { ttl: 5 }) async m(): Promise<void> {}`,
  ],
  [
    'listeners that take a leadership, or nothing',
    'compiles',
    `@OnElected('x', { coordinator: 'a' }) m({ term }: Leadership): number { return term; } @OnDemoted('x') async n(): Promise<void> {}`,
  ],
  ['a listener that takes something else', 'is refused', `@OnElected('x') m(share: Share): void {}`],
  [
    'what applyDecorators has put together of them',
    'compiles',
    `@applyDecorators(LeaderOnly('x')) async m() {} @applyDecorators(OnElected('x'), OnDemoted('x')) n() {}`,
  ],
  [
    'a term that somebody sets',
    'is refused',
    `@OnElected('x') m(leadership: Leadership) { leadership.term = 7; }`,
  ],
];

const HEADER = `import { applyDecorators } from '@nestjs/common';
import { type Observable, of } from 'rxjs';
import { currentLease, LeaderOnly, type Leadership, type Lease, Limited, OnDemoted, OnElected, Synchronized } from '../../lib/index.js';
interface Share { id: string; size: number }
const perShare = (): MethodDecorator => Synchronized('share-<id>');
export const PerShare = () => Synchronized('share-<share.id>', { blocking: 5 });
void [applyDecorators, perShare, LeaderOnly, Limited, OnDemoted, OnElected];
void of;
void currentLease;
export type { Leadership, Lease };
`;

const ALL = [...CASES, ...ELECTION_CASES];
const folder = resolve(import.meta.dirname);
const fileOf = (index: number): string => resolve(folder, `case-${index}.ts`);
const sources = new Map(
  ALL.map(([, , member], index) => [fileOf(index), `${HEADER}export class Subject { ${member} }\n`]),
);
let messages: Map<string, string[]>;

beforeAll(() => {
  const { config } = ts.readConfigFile(resolve(folder, '../../tsconfig.json'), (file) =>
    ts.sys.readFile(file),
  ) as {
    config: { compilerOptions: object };
  };
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, resolve(folder, '../..'));
  // An application may be that strict.
  options.exactOptionalPropertyTypes = true;
  const host = ts.createCompilerHost(options);
  const real = { ...host };
  host.fileExists = (file) => sources.has(resolve(file)) || real.fileExists(file);
  host.readFile = (file) => sources.get(resolve(file)) ?? real.readFile(file);
  host.getSourceFile = (file, target, ...rest) => {
    const source = sources.get(resolve(file));
    if (source === undefined) return real.getSourceFile(file, target, ...rest);
    return ts.createSourceFile(file, source, target, true);
  };
  const program = ts.createProgram([...sources.keys()], options, host);
  messages = new Map(
    [...sources.keys()].map((file) => {
      const sourceFile = program.getSourceFile(file);
      const found = [
        ...program.getSyntacticDiagnostics(sourceFile),
        ...program.getSemanticDiagnostics(sourceFile),
      ];
      return [file, found.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))];
    }),
  );
}, 120_000);

describe('what the compiler says of a decorator', () => {
  it.each(ALL.map(([what, verdict], index) => ({ what, verdict, index })))(
    '$verdict on $what',
    ({ verdict, index }) => {
      const found = messages.get(fileOf(index)) ?? ['it was not compiled'];
      if (verdict === 'compiles') expect(found).toEqual([]);
      else expect(found).not.toEqual([]);
    },
  );
});
