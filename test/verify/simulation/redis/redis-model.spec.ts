import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Script } from '../../../../lib/drivers/redis/scripts/script.js';
import * as scripts from '../../../../lib/drivers/redis/scripts/index.js';
import { type RedisServer, startRedis, stopAllRedis } from '../../../support/redis-server.js';
import { Random } from '../random.js';
import { RedisModel } from './redis-model.js';
import { CommandError, type Reply, Status } from './reply.js';

/** What the two may differ by in a number that is a time: each is asked at a moment of its own, ms and µs. */
const LATER_MS = 20_000;
const LATER_US = LATER_MS * 1000;

let server: RedisServer;
let redis: Redis;
let model: RedisModel;

beforeAll(async () => {
  server = await startRedis();
  redis = server.client({ protocol: 2 });
});
afterAll(stopAllRedis);

/** A model that stands where the server stands: empty, with its run id and its uptime. */
async function level(): Promise<void> {
  await redis.flushall();
  await redis.config('RESETSTAT');
  const info = await redis.info('server');
  const runId = /run_id:(\w+)/.exec(info)?.[1] ?? '';
  const uptime = 1000 * Number(/uptime_in_seconds:(\d+)/.exec(info)?.[1]);
  const wall = (): number => performance.timeOrigin + performance.now();
  model = new RedisModel({ wall, runId, uptime, publish: () => 0 });
}

async function both(...command: string[]): Promise<void> {
  const ours = model.execute(command);
  const [name = '', ...args] = command;
  const theirs: unknown = await redis.call(name, args).catch((error: unknown) => error);
  // Shares stand in the order of their ends, which may be that of another ms there.
  const set = args[0] === scripts.HOLDERS.text;
  const [one, other] = [plain(theirs, ours), plain(ours)].map((reply) =>
    set && Array.isArray(reply) ? reply.map(String).toSorted((a, b) => a.localeCompare(b)) : reply,
  );
  expect(one, `${command.join(' ')}: ${JSON.stringify([theirs, plain(ours)])}`).toEqual(other);
}

/** Replies of both kinds in one form; of an error, the kind; of numbers that are nearly `beside`, that one. */
function plain(reply: unknown, beside?: Reply): unknown {
  if (reply instanceof Status) return reply.text;
  if (reply instanceof Error) return reply.message.split(' ')[0];
  if (Array.isArray(reply)) {
    return reply.map((each: unknown, index) =>
      plain(each, Array.isArray(beside) ? (beside as readonly Reply[])[index] : undefined),
    );
  }
  if (typeof reply === 'number' && typeof beside === 'number') return near(reply, beside);
  if (typeof reply === 'string' && typeof beside === 'string') {
    const others = beside.split(' ');
    return reply
      .split(' ')
      .map((word, index) => {
        const other = others[index] ?? '';
        return /^\d+$/.test(word) && near(Number(word), Number(other)) === Number(other) ? other : word;
      })
      .join(' ');
  }
  return reply;
}

function near(number: number, other: number): number {
  const larger = Math.max(number, other);
  const allowed = larger > 1e14 ? LATER_US : larger > 100 ? LATER_MS : 0;
  return Math.abs(number - other) <= allowed ? other : number;
}

const KEYS = ['a', 'b', 'c'];
const IDS = ['one', 'two', '007', '1.5'];
const long = (random: Random): string => String(3_000_000 + random.below(1000));

function plainCommand(random: Random): string[] {
  const key = random.pick(KEYS);
  return random.pick([
    ['set', key, random.pick(IDS), 'PX', long(random)],
    ['set', key, random.pick(IDS), 'PX', long(random), 'NX'],
    ['set', key, random.pick(IDS), 'NX'],
    ['set', key, random.pick(IDS), 'PX', random.pick(['0', '-1', '1.5', 'x'])],
    ['set', key, 'v', 'what'],
    ['get', key],
    ['del', key, random.pick(KEYS)],
    ['pttl', key],
    ['publish', 'channel', 'text'],
    ['nonsense', key],
    ['exists', key, random.pick(KEYS)],
    ['pexpire', key, long(random)],
    ['zadd', 'z', random.pick(['1', '2', '-1.5', 'x']), random.pick(IDS)],
    ['zadd', 'z', 'XX', '3', random.pick(IDS)],
    ['zscore', 'z', random.pick(IDS)],
    ['zrem', 'z', random.pick(IDS)],
    ['zrange', 'z', random.pick(['0', '-1']), random.pick(['0', '-1']), ...random.pick([[], ['WITHSCORES']])],
    ['zremrangebyscore', 'z', '-inf', random.pick(['-1', '1'])],
    ['get', 'z'],
    ['zscore', key, 'one'],
    ['evalsha', '0123456789012345678901234567890123456789', '0'],
    ['eval', random.pick(SNIPPETS), '2', key, random.pick(KEYS), random.pick(IDS), '3'],
  ]);
}

/** What scripts meet: kinds of replies, numbers as text and back, and what is an error. */
const SNIPPETS = [
  `return redis.call('get', KEYS[1])`,
  `return { redis.call('get', KEYS[1]) or 'none', redis.call('pttl', KEYS[2]) < 0, 1, nil, 2 }`,
  `return redis.call('set', KEYS[1], ARGV[1], 'PX', 5000000)`,
  `return redis.call('set', KEYS[1], ARGV[1], 'PX', 0)`,
  `return 3.99`,
  `return { -3.99, true, false, 1 }`,
  `return tostring(1.7e15 + 3) .. ' ' .. 1e100 .. ' ' .. 0.1 .. ' ' .. 2^1`.replace('2^1', '2'),
  `return tostring(123456789012346) .. tostring(12345678901234) .. tostring(1 / 3) .. tostring(0.00001234)`,
  `return string.format('%.0f %s %d', 1.7e15 + 3, ARGV[1], '42')`,
  `return { math.max(1, tonumber(ARGV[2])), math.floor(-1.5), math.min(2, 1) }`,
  `return ARGV[2] * 2 + ARGV[1]`,
  `return ARGV[2] > 1`,
  `return ARGV[2] > '1'`,
  `return { string.match('run_id:abc\\r\\nx', 'run_id:(%w+)'), string.find('a.b', '%.') }`,
  `return { string.match('x 12 - 3', '^(%S+) (%d+) %- (%d+)$') }`,
  `return string.match('none', 'run_id:(%w+)') or 'no match'`,
  `local a, b = string.match('k=v', '(%w)=(%w)') if not a then return 1 elseif b == 'v' then return { b, a } else return 2 end`,
  `return nowhere.at.all`,
  `return nothing()`,
  `return tonumber(' 12 ') + tonumber('0x10') + (tonumber('x') or 0)`,
  `return redis.call('nonsense')`,
  `local t = redis.call('time') return t[1] * 1000000 + t[2]`,
  `return -ARGV[2] - 1 / 2`,
  `local t = {} for i = 1, 9, ARGV[2] do t[#t + 1] = i * 10 end return t`,
  `local n = 0 while true do n = n + 1 if n > 4 then break end end return { n, #ARGV, #ARGV[1] }`,
  `for i = 3, 1, -1 do if i == 2 then return i end end`,
  `local x = 1 for i = 2, 1 do x = i end while x < 3 do x = x + 1 for j = 1, 5 do if j == x then break end end end return x`,
  `local all = {} for i = 1, #KEYS do all[i] = redis.call('get', KEYS[i]) or i end return all`,
  `for i = 2, ARGV[2] do if i > 2 then return { i, #ARGV, #ARGV[1], #'' } end end return 'none'`,
  `local i = 7 for i = 3, 1 do return i end for i = 1.5, 3 do local j = i end return i`,
  `for i = 1, 'x' do end`,
  `for i = {}, 1 do end`,
  `return #nowhere`,
  `nowhere[1] = 1`,
  `local refused = redis.pcall('nonsense') return { type(refused), type(refused.err), refused.ok or 'not done' }`,
  `return { type(redis.pcall('get', KEYS[1])), redis.pcall('set', KEYS[2], 'v').ok, redis.pcall('set', KEYS[2], 'v', 'what') }`,
];

describe('the model of Redis', () => {
  it('answers as a server to single commands and to scripts', async () => {
    const random = new Random(1);
    for (let round = 0; round < 10; round += 1) {
      await level();
      for (let count = 0; count < 100; count += 1) await both(...plainCommand(random));
    }
  });

  it('runs every script of the driver as a server does', async () => {
    const random = new Random(2);
    const id = (): string => random.pick(['one-1', 'one-2', 'two-1']);
    const share = (): string => random.pick(['one-1+', 'one-2+', 'two-1+', 'two-3+']);
    const lock = ['k', 'record', 'queue', 'waiters'];
    const alive = (): string => random.pick(['3000000', '3000000', '-30000']);
    const now = (): number => Date.now();
    for (let round = 0; round < 20; round += 1) {
      await level();
      let record = '';
      const commands: (() => string[])[] = [
        () => [
          ...call(scripts.ACQUIRE, [...lock, 'count']),
          id(),
          long(random),
          random.pick(['', '', String(now() - LATER_MS), String(now() + LATER_MS)]),
          random.pick(['', record, record, 'another']),
          random.pick(['', alive()]),
          ...random.pick([
            [],
            [random.pick(['', id()]), '', '', 'channel:'],
            [
              random.pick(['', '', id()]),
              random.pick(['5', '1700000000000000', String((now() + 1e9) * 1000)]),
              random.pick(['1', '16']),
            ],
          ]),
        ],
        () => [
          ...call(scripts.JOIN, lock),
          random.pick(['', '', String(now() - LATER_MS), String(now() + LATER_MS)]),
          random.pick(['', record, record, 'another']),
          alive(),
          'channel:',
          ...random.pick([['one-1'], ['one-2', 'one-3'], ['two-1'], ['two-3+'], ['one-2+', 'one-4']]),
        ],
        () => [
          ...call(scripts.REFRESH, [
            'record',
            ...['k', 'queue', 'waiters', 'sharers'],
            ...['l', 'queue of l', 'waiters of l', 'sharers of l'],
          ]),
          random.pick(['one', 'two']),
          alive(),
          random.pick(['', '', record, 'another']),
          'channel:',
          ...random.pick([
            ['2', 'one-1', 'one-2', '0'],
            ['2', 'two-3+', share(), '0'],
            ['0', '1', 'two-1'],
            ['1', 'two-1', '2', 'one-2', id()],
          ]),
        ],
        () => [
          ...call(scripts.CONFIRM, ['k', 'count']),
          id(),
          random.pick(['7', '1800000000000000', String(now() * 1000)]),
        ],
        () => [...call(scripts.RENEW, ['k']), long(random), id()],
        () => [...call(scripts.RENEW, ['k', 'count', 'k', 'none']), long(random), id(), id(), id(), id()],
        () => call(scripts.HOLDERS, ['k', 'sharers']),
        () => [
          ...call(scripts.SHARE, [...lock, 'sharers', 'count']),
          share(),
          long(random),
          random.pick(['', '', String(now() - LATER_MS), String(now() + LATER_MS)]),
          random.pick(['', record, record, 'another']),
          random.pick(['', alive()]),
          random.pick(['', id(), share()]),
          random.pick(['', '5', '1700000000000000']),
          '1',
          'channel:',
          ...random.pick([[], [], ['1']]),
        ],
        () => [
          ...call(scripts.RELEASE_SHARE, [...lock, 'sharers', 'count']),
          share(),
          random.pick(['', '', record, 'another']),
          'channel:',
        ],
        () => [...call(scripts.RENEW_SHARES, ['k', 'sharers']), long(random), share()],
        () => [
          ...call(scripts.RENEW_SHARES, ['k', 'sharers', 'l', 'sharers of l']),
          long(random),
          share(),
          share(),
        ],
        () => [...call(scripts.END_SHARE, ['k', 'sharers']), share(), random.pick(['', '3000000'])],
        () => [
          ...call(scripts.CONFIRM_SHARE, ['k', 'count', 'sharers']),
          share(),
          random.pick(['7', String(now() * 1000)]),
        ],
        () => [
          ...call(scripts.RELEASE, lock),
          id(),
          random.pick(['', '', record, 'another']),
          ...random.pick([[], ['channel:']]),
        ],
        () => [
          ...call(scripts.SYNC, ['record']),
          random.pick(['list', 'list', 'other']),
          random.pick(['1000', '90000000']),
          random.pick(['', '1']),
          '86400000',
        ],
        () =>
          random.pick([
            ['flushall'],
            ['del', 'record'],
            ['get', 'count'],
            ['pttl', 'k'],
            ['del', 'k'],
            ['zrange', 'queue', '0', '-1', 'WITHSCORES'],
          ]),
      ];
      for (let count = 0; count < 60; count += 1) {
        await both(...random.pick(commands)());
        // A short grant must not run out here before there.
        if (model.keyspace.get('k') !== undefined) await both('pexpire', 'k', long(random));
        const stored = model.keyspace.get('record');
        record = typeof stored === 'string' ? stored : '';
        // It tells when the node was born, which the two do not know to the ms.
        if (record !== '') await redis.set('record', record, 'PX', model.keyspace.ttl('record') ?? 1);
      }
    }
  });

  it('lets keys end as a server does', async () => {
    await level();
    await both('set', 'a', 'x', 'PX', '1');
    await expect.poll(() => redis.pttl('a'), { interval: 1 }).toBe(-2);
    await both('pttl', 'a');
    await both('get', 'a');
    await both('set', 'a', 'y', 'PX', '3000000', 'NX');
  });

  it('forgets scripts when told to', async () => {
    await level();
    await both('eval', 'return 1', '0');
    await both('evalsha', 'e0e1f9fabfc9d4800c877a703b823ac0578ff8db', '0');
    await both('script', 'flush');
    await both('evalsha', 'e0e1f9fabfc9d4800c877a703b823ac0578ff8db', '0');
  });

  it('says what it does not know', () => {
    const lonely = new RedisModel({ wall: () => 0, runId: 'r', uptime: 0, publish: () => 0 });
    expect(lonely.execute(['hset', 'k', 'f', 'v'])).toBeInstanceOf(CommandError);
    expect(() => lonely.execute(['eval', 'local function f() end', '0'])).toThrow('does not know');
  });
});

function call(script: Script, keys: string[]): string[] {
  return ['eval', script.text, String(keys.length), ...keys];
}
