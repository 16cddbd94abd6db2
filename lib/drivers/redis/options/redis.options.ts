import type { Cluster, Redis } from 'ioredis';
import { checkBoolean, checkTtl, shown } from '../../../common/checks.js';
import { msOf } from '../../../common/duration.js';
import { booleanFrom, durationFrom } from '../../../common/option-text.js';
import type { TextOption } from '../../backend-kind.js';
import type { ReadyRedisClient, RedisBackendOptions } from './redis.public-types.js';

/** The options of `redis`; undefined for one that cannot be given as text. */
export const REDIS_OPTIONS: Readonly<Record<keyof RedisBackendOptions, TextOption | undefined>> = {
  options: undefined,
  clients: undefined,
  maxTtl: { variable: 'COORDINATION_REDIS_MAX_TTL', read: durationFrom },
  persistent: { variable: 'COORDINATION_REDIS_PERSISTENT', read: booleanFrom },
  quarantine: { variable: 'COORDINATION_REDIS_QUARANTINE', read: booleanFrom },
  nodeList: { variable: 'COORDINATION_REDIS_NODE_LIST', read: (text) => text },
  lockKey: undefined,
};

const KNOWN = Object.keys(REDIS_OPTIONS);

/** Every problem as a sentence. No sentence shows the content of `options` or `clients`, which hold passwords. */
export function redisProblems(given: unknown, ttl: number): string[] {
  if (given === undefined) return [];
  if (isClient(given) || Array.isArray(given))
    return ['redis: give ready ioredis clients as redis: { clients: … }'];
  if (typeof given !== 'object' || given === null)
    return [
      `redis must be an object with ${KNOWN.join(', ')}, got ${given === null ? 'null' : typeof given}`,
    ];
  const {
    options,
    clients,
    maxTtl,
    persistent,
    quarantine,
    nodeList,
    lockKey,
  }: Partial<Record<string, unknown>> = given;
  const problems = unknownOptions(given);
  if (options !== undefined) problems.push(...optionsProblems(options, clients));
  if (clients !== undefined) problems.push(...clientsProblems(clients));
  if (maxTtl !== undefined) problems.push(...maxTtlProblems(maxTtl, ttl));
  if (persistent !== undefined) problems.push(...checkBoolean(named('persistent'), persistent));
  if (quarantine !== undefined) problems.push(...checkBoolean(named('quarantine'), quarantine));
  if (nodeList !== undefined && (typeof nodeList !== 'string' || nodeList === ''))
    problems.push(`${named('nodeList')} must be a non-empty string, got ${shown(nodeList)}`);
  if (lockKey !== undefined && typeof lockKey !== 'function')
    problems.push(
      `redis.lockKey must be a function that maps a lock name to a Redis key, got ${shown(lockKey)}`,
    );
  return problems;
}

function unknownOptions(given: object): string[] {
  const unknown = Object.keys(given).filter((key) => !KNOWN.includes(key));
  if (unknown.length === 0) return [];
  return [
    `redis has no option ${unknown.map(shown).join(', ')}, known are ${KNOWN.join(', ')}; options of ioredis stand in redis: { options: { … } }`,
  ];
}

function optionsProblems(options: unknown, clients: unknown): string[] {
  if (isClient(options)) return ['redis.options is an ioredis client; give it as redis: { clients: … }'];
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    return ['redis.options must be an object with options of ioredis'];
  const problems: string[] = [];
  const ours = Object.keys(options).filter((key) => KNOWN.includes(key));
  if (ours.length > 0)
    problems.push(
      `${ours.map((key) => `redis.options.${key}`).join(', ')}: no option of ioredis; it stands beside options, as redis: { ${ours[0]}: … }`,
    );
  if (clients !== undefined)
    problems.push('redis.clients bring their options with them; leave redis.options out');
  return problems;
}

function clientsProblems(given: unknown): string[] {
  const clients = listOf(given);
  if (clients.length === 0 || !clients.every(isClient))
    return ['redis.clients must be an ioredis client, or a list of them, one per node'];
  if (clients.length % 2 === 0)
    return [
      `redis.clients lists ${clients.length} clients: an even number of nodes adds no safety; give 1, 3 or 5`,
    ];
  return [];
}

function maxTtlProblems(maxTtl: unknown, ttl: number): string[] {
  const problems = checkTtl(named('maxTtl'), maxTtl);
  if (problems.length > 0 || !(msOf(maxTtl as number) < ttl)) return problems;
  return [`${named('maxTtl')} must not be below ttl (COORDINATION_TTL): got ${shown(maxTtl)} and ${ttl}`];
}

function named(option: keyof RedisBackendOptions): string {
  const variable = REDIS_OPTIONS[option]?.variable;
  return `redis.${option}${variable === undefined ? '' : ` (${variable})`}`;
}

/** The clients may come from another copy of ioredis. Its classes are not ours, but its clients work the same. */
export function clientsOf(given: NonNullable<RedisBackendOptions['clients']>): readonly (Redis | Cluster)[] {
  return listOf<ReadyRedisClient>(given) as readonly unknown[] as readonly (Redis | Cluster)[];
}

function listOf<T>(given: T | readonly T[]): readonly T[] {
  return Array.isArray(given) ? (given as readonly T[]) : [given as T];
}

/** Tells ioredis clients from options by their methods. */
function isClient(value: unknown): boolean {
  return (
    typeof value === 'object' && value !== null && 'evalsha' in value && typeof value.evalsha === 'function'
  );
}
