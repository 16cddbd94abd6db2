import { THOROUGH } from '../support/thorough.js';
import { resolve } from 'node:path';
import ts from 'typescript';
import { expect, it } from 'vitest';

/** An option that an application makes of what may be missing, as in `ttl: config.get('TTL')`. */
const APPLICATION = `
import type {
  AcquireOptions, CoordinationAsyncOptions, CoordinationModuleOptions, LockOptions, SynchronizedOptions,
} from 'nestjs-coordination';
export const all: [
  AcquireOptions, CoordinationAsyncOptions, CoordinationModuleOptions, LockOptions, SynchronizedOptions,
] = [
  {} as Record<keyof AcquireOptions, undefined>,
  {} as Record<keyof CoordinationAsyncOptions, undefined>,
  {} as Record<keyof CoordinationModuleOptions, undefined>,
  {} as Record<keyof LockOptions, undefined>,
  {} as Record<keyof SynchronizedOptions, undefined>,
];
export const safety: CoordinationModuleOptions = { redis: { quarantine: undefined } };
export const wrong: CoordinationModuleOptions = { ttl: null };
`;

// Nothing but work of the compiler.
it.runIf(THOROUGH)(
  'every option may be undefined under exactOptionalPropertyTypes',
  () => {
    const file = resolve('test/types/application.ts');
    const { config } = ts.readConfigFile('tsconfig.json', (path) => ts.sys.readFile(path));
    const { options } = ts.parseJsonConfigFileContent(config, ts.sys, process.cwd());
    const host = ts.createCompilerHost({ ...options, exactOptionalPropertyTypes: true });
    const real = host.getSourceFile.bind(host);
    host.getSourceFile = (path, target, ...rest) =>
      resolve(path) === file
        ? ts.createSourceFile(path, APPLICATION, target, true)
        : real(path, target, ...rest);
    const program = ts.createProgram([file], { ...options, exactOptionalPropertyTypes: true }, host);
    const found = program.getSemanticDiagnostics(program.getSourceFile(file));
    const problems = found.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '));
    // The compiler has looked: null is no option.
    expect(problems).toEqual([expect.stringContaining("Type 'null' is not assignable")]);
  },
  120_000,
);
