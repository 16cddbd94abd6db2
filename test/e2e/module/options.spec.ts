import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  CoordinationModule,
  CoordinatorService,
  type Driver,
  type DriverFactoryContext,
  InvalidOptionsError,
} from 'nestjs-coordination';
import { coordinationConfig } from 'nestjs-coordination/config';
import {
  type CoordinationOptions,
  OPTION_VARIABLES,
  resolveOptions,
} from '../../../lib/coordination.options.js';
import { REDIS_OPTIONS } from '../../../lib/drivers/redis/options/redis.options.js';
import { MemoryDriver } from '../../../lib/drivers/memory/memory.driver.js';
import { boot, bootError } from '../../support/boot.js';

/** Those of Redis. */
const REDIS_VARIABLES = Object.entries(REDIS_OPTIONS).flatMap(([option, text]) =>
  text ? [[`redis.${option}`, text.variable] as const] : [],
);
const VARIABLES = [...Object.entries(OPTION_VARIABLES), ...REDIS_VARIABLES];

beforeEach(() => {
  for (const [, variable] of VARIABLES) vi.stubEnv(variable, undefined);
});

afterEach(() => vi.unstubAllEnvs());

/** What is used of an ioredis client to tell it from options. */
const CLIENT = { status: 'wait', options: { password: 's3cret' }, evalsha: () => undefined };

/** With the URL left out, as beside ready clients. */
function needsNone(options: object): boolean {
  return 'redis' in options;
}

function problemWith(options: object): string {
  try {
    resolveOptions(options);
  } catch (error) {
    if (error instanceof InvalidOptionsError) return error.message;
    throw error;
  }
  throw new Error('the options were accepted');
}

function fromEnvironment(variables: Record<string, string>): CoordinationOptions {
  for (const [variable, value] of Object.entries(variables)) vi.stubEnv(variable, value);
  return coordinationConfig();
}

describe('the options', () => {
  it('have defaults', () => {
    const { createDriver, agentId, ...rest } = resolveOptions({});
    expect(rest).toEqual({
      prefix: '',
      ttl: 10_000,
      heartbeat: 10_000 / 3,
      blocking: true,
      stopTimeout: 5000,
      startTimeout: 0,
      fencing: false,
      candidate: true,
    });
    expect([typeof createDriver, agentId.length]).toEqual(['function', 36]);
  });

  it('go before the query of the URL, which goes before the defaults', () => {
    const backendUrl =
      'memory:?ttl=6000&heartbeat=1000&blocking=250&stopTimeout=10&startTimeout=20&fencing=true&candidate=false&prefix=q-&agentId=q';
    const times = { ttl: 6000, heartbeat: 1000, blocking: 250, stopTimeout: 10, startTimeout: 20 };
    const query = { ...times, fencing: true, candidate: false, prefix: 'q-', agentId: 'q' };
    expect(resolveOptions({ backendUrl })).toMatchObject(query);
    expect(resolveOptions({ backendUrl, ttl: 9000, prefix: '', blocking: false })).toMatchObject({
      ...query,
      ttl: 9000,
      prefix: '',
      blocking: false,
    });
    expect(resolveOptions({ backendUrl: 'memory:?ttl=6000' })).toMatchObject({ ttl: 6000, heartbeat: 2000 });
    expect(resolveOptions({ backendUrl: 'memory:?blocking=false' })).toMatchObject({ blocking: false });
    expect(resolveOptions({ backendUrl, ttl: undefined })).toMatchObject(query);
  });

  it('are checked at boot, every problem in one error, each with option and variable', async () => {
    const options = {
      backendUrl: 'reddis://10.0.0.1',
      agentId: '',
      prefix: 7,
      ttl: 0,
      heartbeat: -1,
      blocking: 'maybe',
      stopTimeout: Number.NaN,
      startTimeout: -1,
      fencing: 'yes',
      candidate: 'perhaps',
      redis: { lockKey: 'key', maxTtl: 1.5, persistent: 1, nodeList: 7, quarantine: 'no' },
      fenced: true,
    };
    const error = await bootError([CoordinationModule.forRoot(options as never)]);
    expect(error).toBeInstanceOf(InvalidOptionsError);
    expect(error.message).toMatch(/^The options of CoordinationModule are wrong: \(1\) [^\n]+$/);
    for (const [option, variable] of VARIABLES) {
      expect(error.message).toContain(`${option} (${variable})`);
    }
    expect(error.message).toContain("unknown option 'fenced', known are backendUrl");
    expect(error.message).toContain('redis.lockKey must be a function');
    expect(error.message).toContain('(16)');
  });

  it.each([
    [{ ttl: 0 }, 'ttl (COORDINATION_TTL) must be a whole number of ms from 10 to 2147483647, got 0'],
    [
      { ttl: Number.NaN },
      'ttl (COORDINATION_TTL) must be a whole number of ms from 10 to 2147483647, got NaN',
    ],
    [
      { ttl: '5 parsecs' },
      "ttl (COORDINATION_TTL) must be a whole number of ms from 10 to 2147483647, got '5 parsecs'",
    ],
    [{ ttl: '1s', heartbeat: '1s' }, 'must be below ttl (COORDINATION_TTL)'],
    [
      { ttl: 1000, heartbeat: 1500 },
      'heartbeat (COORDINATION_HEARTBEAT) must be below ttl (COORDINATION_TTL), less 1 % and 2 ms for the drift of clocks, or leases end before they are renewed: got heartbeat 1500 and ttl 1000',
    ],
    [{ ttl: 1000, heartbeat: 988 }, 'got heartbeat 988 and ttl 1000'],
    [{ heartbeat: 0 }, 'heartbeat (COORDINATION_HEARTBEAT) must be a number of ms above 0, got 0'],
    [
      { blocking: -1 },
      'blocking (COORDINATION_BLOCKING) must be true, false or a number of ms, 0 or more, got -1',
    ],
    [
      { stopTimeout: -1 },
      'stopTimeout (COORDINATION_STOP_TIMEOUT) must be a number of ms, 0 or more, got -1',
    ],
    [{ agentId: '' }, "agentId (COORDINATION_AGENT_ID) must be a non-empty string, got ''"],
    [{ prefix: 7 }, 'prefix (COORDINATION_PREFIX) must be a string, got 7'],
    [{ backendUrl: 'zookeeper://h' }, 'backendUrl (COORDINATION_BACKEND_URL): unknown scheme "zookeeper:"'],
    [{ backendUrl: 'redis://h:99999' }, 'backendUrl (COORDINATION_BACKEND_URL): '],
    [{ backendUrl: 'redis://h:6379x' }, 'backendUrl (COORDINATION_BACKEND_URL): '],
    [{ backendUrl: 'redis://h1,h2' }, 'backendUrl (COORDINATION_BACKEND_URL): 2 nodes: an even number'],
    [{ backendUrl: ['redis://h1', 'redis://h2'] }, 'list 1, 3 or 5 independent nodes'],
    [{ backendUrl: '' }, 'backendUrl (COORDINATION_BACKEND_URL): is empty; give a URL'],
    [{ backendUrl: 'memory:?ttl=0' }, 'ttl (COORDINATION_TTL) must be a whole number of ms'],
    [{ backendUrl: 'memory:?tll=5' }, 'unknown option "tll" in the query'],
    [
      { backendUrl: 'memory:', redis: { options: { password: 's3cret' } } },
      'backendUrl (COORDINATION_BACKEND_URL): redis.options is given, but the URL is a memory: URL; leave one of the two out',
    ],
    [
      { backendUrl: 'memory:', redis: { clients: CLIENT } },
      'redis.clients is given, but the URL is a memory: URL',
    ],
    [
      { backendUrl: 'redis://h', redis: { clients: CLIENT } },
      'give a URL, or ready clients in redis.clients, not both',
    ],
    [{ redis: { options: { password: 's3cret' } } }, 'a URL is missing; redis.options need one beside them'],
    [
      { redis: { clients: [CLIENT], options: { password: 's3cret' } } },
      'redis.clients bring their options with them; leave redis.options out',
    ],
    [{ redis: { clients: [CLIENT, CLIENT] } }, 'redis.clients lists 2 clients: an even number of nodes'],
    [{ redis: { clients: [] } }, 'redis.clients must be an ioredis client, or a list of them'],
    [{ redis: { options: 's3cret' } }, 'redis.options must be an object with options of ioredis'],
    [{ redis: { options: CLIENT } }, 'redis.options is an ioredis client; give it as redis: { clients: … }'],
    [
      { redis: { options: { maxTtl: 5 } } },
      'redis.options.maxTtl: no option of ioredis; it stands beside options, as redis: { maxTtl: … }',
    ],
    [{ redis: 's3cret' }, 'redis must be an object with options, clients'],
    [
      { redis: { lockKey: 'key' } },
      "redis.lockKey must be a function that maps a lock name to a Redis key, got 'key'",
    ],
    [{ fenced: true }, "unknown option 'fenced'"],

    [{ fencing: 'yes' }, "fencing (COORDINATION_FENCING) must be true or false, got 'yes'"],
    [{ candidate: 'no' }, "candidate (COORDINATION_CANDIDATE) must be true or false, got 'no'"],
    [
      { ttl: 500, redis: { maxTtl: 100 } },
      'redis.maxTtl (COORDINATION_REDIS_MAX_TTL) must not be below ttl (COORDINATION_TTL): got 100 and 500',
    ],
    [{ ttl: '1m', redis: { maxTtl: '30s' } }, "got '30s' and 60000"],
    [
      { backendUrl: 'redis://h?maxTtl=5000' },
      'redis.maxTtl (COORDINATION_REDIS_MAX_TTL) must not be below ttl (COORDINATION_TTL): got 5000 and 10000',
    ],
    [
      { backendUrl: 'redis://h?persistent=maybe' },
      "redis.persistent (COORDINATION_REDIS_PERSISTENT) must be true or false, got 'maybe'",
    ],
    [{ redis: { nodeList: '' } }, 'redis.nodeList (COORDINATION_REDIS_NODE_LIST) must be a non-empty string'],
    [{ startTimeout: -1 }, 'startTimeout (COORDINATION_START_TIMEOUT) must be a number of ms, 0 or more'],
    [{ shared: true, backendurl: 'memory:' }, "unknown option 'backendurl'"],
  ])('are refused in one line: %j', (options, message) => {
    const problem = problemWith({
      backendUrl: 'memory:',
      ...(needsNone(options) ? { backendUrl: undefined } : {}),
      ...options,
    });
    expect(problem).toContain(message);
    expect(problem).not.toContain('\n');
    expect(problem).not.toContain('s3cret');
  });

  it('have durations as text or in ms', () => {
    const text = { ttl: '1m', heartbeat: '15s', blocking: '5s', stopTimeout: '2s', startTimeout: '0.5m' };
    expect(resolveOptions({ backendUrl: 'memory:', ...text })).toMatchObject({
      ttl: 60_000,
      heartbeat: 15_000,
      blocking: 5000,
      stopTimeout: 2000,
      startTimeout: 30_000,
    });
    expect(resolveOptions({ backendUrl: 'memory:?ttl=6s' })).toMatchObject({ ttl: 6000, heartbeat: 2000 });
    const environment = fromEnvironment({ COORDINATION_TTL: '6s', COORDINATION_BLOCKING: '1m' });
    expect(resolveOptions({ backendUrl: 'memory:', ...environment })).toMatchObject({
      ttl: 6000,
      blocking: 60_000,
    });
  });

  it.each([
    [{ maxTtl: 60_000 }, "unknown option 'maxTtl', it belongs to one back end: redis: { maxTtl: … }"],
    [{ persistent: true }, 'redis: { persistent: … }'],
    [{ nodeList: 'a' }, 'redis: { nodeList: … }'],
    [{ lockKey: (name: string) => name }, 'redis: { lockKey: … }'],
    [{ redis: CLIENT }, 'redis: give ready ioredis clients as redis: { clients: … }'],
    [{ redis: [CLIENT] }, 'redis: give ready ioredis clients as redis: { clients: … }'],
    [
      { redis: { password: 's3cret' } },
      "redis has no option 'password', known are options, clients, maxTtl, persistent, quarantine, nodeList, lockKey; options of ioredis stand in redis: { options: { … } }",
    ],
  ])('name the place of one that stands elsewhere: %j', (options, message) => {
    const problem = problemWith({ backendUrl: 'redis://h', ...options });
    expect(problem).toContain(message);
    expect(problem).not.toContain('s3cret');
  });

  it.each([
    ['COORDINATION_MAX_TTL', '60s', 'COORDINATION_REDIS_MAX_TTL'],
    ['COORDINATION_PERSISTENT', 'true', 'COORDINATION_REDIS_PERSISTENT'],
    ['COORDINATION_NODE_LIST', 'a', 'COORDINATION_REDIS_NODE_LIST'],
  ])('name the variable that is meant by %s', (variable, value, renamed) => {
    expect(() => fromEnvironment({ [variable]: value })).toThrow(
      `The environment has ${variable}, which is called ${renamed}; rename it`,
    );
  });

  it('of Redis are read from the environment, and may stand beside the URL of another back end', () => {
    const options = fromEnvironment({
      COORDINATION_REDIS_MAX_TTL: '1m',
      COORDINATION_REDIS_PERSISTENT: 'true',
      COORDINATION_REDIS_QUARANTINE: 'false',
      COORDINATION_REDIS_NODE_LIST: 'production',
    });
    expect(options).toEqual({
      redis: { maxTtl: '1m', persistent: true, quarantine: false, nodeList: 'production' },
    });
    expect(resolveOptions({ backendUrl: 'memory:', ...options }).ttl).toBe(10_000);
    expect(resolveOptions(options).ttl).toBe(10_000);
  });

  it('leave the longest heartbeat that renews in time', () => {
    expect(resolveOptions({ backendUrl: 'memory:', ttl: 1000, heartbeat: 987 }).heartbeat).toBe(987);
    expect(resolveOptions({ backendUrl: 'memory:', ttl: 10 }).heartbeat).toBeCloseTo(10 / 3);
  });

  it('need a back end in production', async () => {
    vi.stubEnv('NODE_ENV', 'production');
    const error = await bootError([CoordinationModule.forRoot({ ttl: 0 })]);
    expect(error.message).toMatch(
      /\(1\) backendUrl \(COORDINATION_BACKEND_URL\) has to be given when NODE_ENV/,
    );
    expect(error.message).toContain('(2) ttl (COORDINATION_TTL)');
    const driver = (context: DriverFactoryContext): Driver => new MemoryDriver('production', context);
    for (const options of [{ backendUrl: 'memory:' }, { driver }]) {
      const app = await boot([CoordinationModule.forRoot(options)]);
      await app.close();
    }
    expect(resolveOptions({ backendUrl: 'file:' }).ttl).toBe(10_000);
  });
});

describe('the environment', () => {
  it('gives every option that has a variable', () => {
    const options = fromEnvironment({
      COORDINATION_BACKEND_URL: 'memory:env',
      COORDINATION_AGENT_ID: 'agent',
      COORDINATION_PREFIX: 'p-',
      COORDINATION_TTL: '8000',
      COORDINATION_HEARTBEAT: '1500.5',
      COORDINATION_BLOCKING: 'false',
      COORDINATION_STOP_TIMEOUT: '0',
    });
    expect({ ...options }).toEqual({
      backendUrl: 'memory:env',
      agentId: 'agent',
      prefix: 'p-',
      ttl: 8000,
      heartbeat: 1500.5,
      blocking: false,
      stopTimeout: 0,
    });
    expect(resolveOptions(options)).toMatchObject({ agentId: 'agent', ttl: 8000, blocking: false });
  });

  it('gives nothing where it is empty', () => {
    expect(coordinationConfig()).toEqual({});
    const empty = Object.fromEntries(Object.values(OPTION_VARIABLES).map((variable) => [variable, '']));
    expect(fromEnvironment(empty)).toEqual({ prefix: '' });
    expect(resolveOptions(coordinationConfig())).toMatchObject({ ttl: 10_000, blocking: true });
  });

  it.each([
    ['true', true],
    ['false', false],
    ['250', 250],
    ['0', 0],
  ])('says how long to wait: %s', (text, blocking) => {
    expect(fromEnvironment({ COORDINATION_BLOCKING: text })).toEqual({ blocking });
  });

  it.each([
    ['COORDINATION_TTL', '10 parsecs', 'ttl'],
    ['COORDINATION_TTL', ' ', 'ttl'],
    ['COORDINATION_HEARTBEAT', 'often', 'heartbeat'],
    ['COORDINATION_BLOCKING', 'yes', 'blocking'],
    ['COORDINATION_STOP_TIMEOUT', '1,000', 'stopTimeout'],
  ])('is refused with its variable and the text given: %s=%s', (variable, text, option) => {
    const problem = problemWith({ backendUrl: 'memory:', ...fromEnvironment({ [variable]: text }) });
    expect(problem).toContain(`${option} (${variable}) must be`);
    expect(problem).toContain(`got '${text}'`);
  });

  it('is read by the namespace alone', async () => {
    vi.stubEnv('COORDINATION_TTL', 'nonsense');
    const app = await boot([CoordinationModule.forRoot({ backendUrl: 'memory:', agentId: 'given' })]);
    expect(app.get(CoordinatorService).agentId).toBe('given');
    await app.close();
  });

  it('warns of variables that forRoot does not read, unless it is given the option', async () => {
    vi.stubEnv('COORDINATION_AGENT_ID', 'web-1');
    vi.stubEnv('COORDINATION_TTL', '5s');
    vi.stubEnv('COORDINATION_REDIS_QUARANTINE', 'false');
    vi.stubEnv('COORDINATION_REDIS_MAX_TTL', '1h');
    vi.stubEnv('COORDINATION_TLL', '1h');
    const options = { backendUrl: 'memory:', ttl: 5000, redis: { maxTtl: 3_600_000 } };
    const app = await boot([CoordinationModule.forRoot(options)]);
    await app.close();
    const unread = app.recorded.of('warn').filter((text) => text.includes('does not read'));
    expect(unread).toEqual([
      expect.stringMatching(
        /^The environment has COORDINATION_AGENT_ID, COORDINATION_REDIS_QUARANTINE, COORDINATION_TLL, which .*forRootAsync/,
      ),
    ]);
    vi.stubEnv('COORDINATION_TLL', undefined);
    vi.stubEnv('COORDINATION_BACKEND_URL', 'memory:');
    const driven = await boot([
      CoordinationModule.forRoot({
        driver: (context: DriverFactoryContext) => new MemoryDriver('unread', context),
        agentId: 'web-1',
        ttl: 5000,
        redis: { maxTtl: 3_600_000, quarantine: false },
      }),
    ]);
    await driven.close();
    expect(driven.recorded.all).not.toContain('does not read');
    const other = await boot([CoordinationModule.forRootAsync(coordinationConfig.asProvider())]);
    await other.close();
    expect(other.recorded.all).not.toContain('does not read');
  });
});
