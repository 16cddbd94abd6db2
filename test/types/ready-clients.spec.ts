import { resolve } from 'node:path';
import ts from 'typescript';
import { beforeAll, describe, expect, it } from 'vitest';

const USE = `
import type { CoordinationOptions } from 'nestjs-coordination';
declare const redis: Redis, cluster: Cluster, options: RedisOptions;
export const all: CoordinationOptions[] = [
  { redis: { clients: redis } },
  { redis: { clients: cluster } },
  { redis: { clients: [redis, redis, redis] } },
  { redis: { clients: [redis], quarantine: false, maxTtl: '1m', persistent: true, nodeList: 'a' } },
  { backendUrl: 'redis://a', redis: { options, lockKey: (name: string) => name, maxTtl: 60_000 } },
  { backendUrl: 'redis://a', redis: { options: { ...options, username: 'app', password: async () => 'secret' } } },
];
`;

/** The text of an application, and how many mistakes are in it. */
const CASES: readonly [string, string, number][] = [
  [
    'clients and options of ioredis 4',
    `import Redis4, { type Cluster, type RedisOptions } from 'ioredis-4'; type Redis = Redis4.Redis; ${USE}`,
    0,
  ],
  [
    'clients and options of ioredis 5',
    `import type { Cluster, Redis, RedisOptions } from 'ioredis-5'; ${USE}`,
    0,
  ],
  [
    'clients and options of ioredis 6',
    `import type { Cluster, Redis, RedisOptions } from 'ioredis'; ${USE}`,
    0,
  ],
  [
    'no number for a client, and none for a password',
    `import type { CoordinationOptions } from 'nestjs-coordination';
     export const a: CoordinationOptions = { redis: { clients: [5] } };
     export const b: CoordinationOptions = { redis: { options: { password: 5 } } };`,
    2,
  ],
  [
    'nothing that is flat under redis, or in front of it',
    `import type { Redis } from 'ioredis'; import type { CoordinationOptions } from 'nestjs-coordination';
     declare const redis: Redis;
     export const a: CoordinationOptions = { redis: [redis] };
     export const b: CoordinationOptions = { redis: { password: 'secret' } };
     export const c: CoordinationOptions = { maxTtl: 5000 };`,
    3,
  ],
];

const fileOf = (index: number): string => resolve(`test/types/application-${index}.ts`);

describe('the option redis', () => {
  let problemsOf: (index: number) => string[];

  // One program for all, which takes seconds.
  beforeAll(() => {
    const texts = new Map(CASES.map(([, text], index) => [fileOf(index), text]));
    const read = ts.readConfigFile('tsconfig.json', (path) => ts.sys.readFile(path));
    const { options } = ts.parseJsonConfigFileContent(read.config, ts.sys, process.cwd());
    const host = ts.createCompilerHost(options);
    const real = host.getSourceFile.bind(host);
    host.getSourceFile = (file, target, ...rest) => {
      const text = texts.get(resolve(file));
      return text === undefined ? real(file, target, ...rest) : ts.createSourceFile(file, text, target, true);
    };
    const program = ts.createProgram([...texts.keys()], options, host);
    problemsOf = (index) => {
      const source = program.getSourceFile(fileOf(index));
      const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
      return found.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
    };
  }, 120_000);

  it.each(CASES.map(([what, , mistakes], index) => ({ what, mistakes, index })))(
    'takes $what',
    ({ mistakes, index }) => {
      const problems = problemsOf(index);
      expect(problems, problems.join('\n')).toHaveLength(mistakes);
    },
  );
});
