import type { Cluster, Redis, RedisOptions } from 'ioredis';
import type { DriverContext } from '../../driver.js';
import {
  type HostAndPort,
  type RedisNodeOptions,
  type SentinelNodeUrl,
  type SingleNodeUrl,
  formatHost,
  nodeName,
} from '../options/index.js';
import { cleanError } from '../errors/index.js';
import { BorrowedConnection } from './borrowed-connection.js';
import {
  createClient,
  duplicateClient,
  isCluster,
  type RedisClient,
  seedsOf,
  serverClient,
} from './clients.js';
import type { ConnectionSettings } from './connection.js';
import type { ClusterPlan, CommonPlan, NodePlan, ServerPlan } from './node-plan.js';
import { asksFor, keeperOf, withCredentials } from './credentials.js';
import { OwnConnection } from './own-connection.js';
import type { RedisDriverSettings, RedisSource } from './redis.settings.js';

const CONNECT_TIMEOUT = 3000;
const SHORTEST_COMMAND_TIMEOUT = 50;
const LONGEST_COMMAND_TIMEOUT = 1000;

export function nodePlans(
  source: RedisSource,
  settings: RedisDriverSettings,
  context: DriverContext,
): readonly NodePlan[] {
  if ('plans' in source) return source.plans;
  const given: RedisNodeOptions = 'nodes' in source ? source : {};
  const { redisOptions } = settings;
  const usual = Math.min(LONGEST_COMMAND_TIMEOUT, Math.floor(settings.ttl / 5));
  const commandTimeout =
    given.commandTimeout ??
    settings.commandTimeout ??
    redisOptions?.commandTimeout ??
    Math.max(SHORTEST_COMMAND_TIMEOUT, usual);
  const connectTimeout = given.connectTimeout ?? redisOptions?.connectTimeout ?? CONNECT_TIMEOUT;
  const { clock, random } = context;

  if (!('nodes' in source)) {
    return source.map((client, index) => {
      if (isCluster(client)) return borrowedCluster(client, commandTimeout, connectTimeout, context);
      const name = clientName(client, index);
      const { sentinelPassword } = client.options;
      const secrets = sentinelPassword ? [sentinelPassword] : [];
      const onSentinelsRefuse = warningOnce(name, secrets, context);
      const options: ConnectionSettings = { connectTimeout, clock, random, secrets };
      return {
        name,
        secrets,
        commandTimeout,
        topology: topologyOf(client),
        connect: (owner) => new BorrowedConnection(client, owner, { ...options, onSentinelsRefuse }),
        subscribe: (owner) => new OwnConnection(() => duplicateClient(client), owner, options),
      };
    });
  }
  return source.nodes.map((url) => {
    const passwords = [
      url.password?.reveal(),
      source.sentinelPassword?.reveal(),
      redisOptions?.password,
      redisOptions?.sentinelPassword,
    ].filter((each): each is string => typeof each === 'string' && each !== '');
    const options: ConnectionSettings = { connectTimeout, clock, random, tls: url.tls, secrets: passwords };
    const name = nodeName(url);
    const keepOut = keeperOf(passwords);
    /** Calls the functions for user and password, where there are any. */
    const make = (to: SingleNodeUrl | SentinelNodeUrl, extra: RedisOptions = {}): Redis | Promise<Redis> => {
      if (!redisOptions || !asksFor(redisOptions))
        return createClient(to, source, connectTimeout, { ...(redisOptions as RedisOptions), ...extra });
      return withCredentials(redisOptions, keepOut).then((now) =>
        createClient(to, source, connectTimeout, { ...now, ...extra }),
      );
    };
    const onSentinelsRefuse = warningOnce(name, passwords, context);
    if (url.topology === 'cluster') {
      const { tls, username, password } = url;
      const create = (address: HostAndPort, extra: RedisOptions): RedisClient | Promise<RedisClient> =>
        make({ topology: 'single', tls, username, password, ...address, db: 0 }, { db: 0, ...extra });
      return {
        name,
        secrets: passwords,
        commandTimeout,
        topology: 'cluster',
        seeds: () => url.seeds,
        keyPrefix: redisOptions?.keyPrefix ?? '',
        serverAt: (address) =>
          shardPlan(address, { name, secrets: passwords, commandTimeout }, options, create),
      };
    }
    return {
      name,
      secrets: options.secrets,
      commandTimeout,
      topology: url.topology,
      connect: (owner) => new OwnConnection(() => make(url), owner, { ...options, onSentinelsRefuse }),
      subscribe: (owner) => new OwnConnection(() => make(url), owner, options),
    };
  });
}

/** Warns once for all connections to one node. */
function warningOnce(
  name: string,
  secrets: readonly string[],
  { warn }: DriverContext,
): (error: unknown) => void {
  let warned = false;
  return (error) => {
    if (warned) return;
    warned = true;
    const { message } = cleanError(error, secrets);
    warn(
      `Redis node ${name}: the sentinels refuse to tell of another master (${message}); two holders are possible after a failover, until the old master is stopped: give their user +subscribe, &+promoted-slave and &+switch-master`,
    );
  };
}

/** A server of a Cluster. The scripts take the names of channels as they are, so a subscription adds no prefix. */
function shardPlan(
  address: HostAndPort,
  cluster: CommonPlan,
  options: ConnectionSettings,
  create: (address: HostAndPort, extra: RedisOptions) => RedisClient | Promise<RedisClient>,
): ServerPlan {
  return {
    ...cluster,
    name: `${formatHost(address)} of ${cluster.name}`,
    topology: 'shard',
    address,
    connect: (owner) => new OwnConnection(() => create(address, {}), owner, options),
    subscribe: (owner) => new OwnConnection(() => create(address, { keyPrefix: '' }), owner, options),
  };
}

/**
 * Uses the addresses and options of a ready Cluster client, for own connections to each server. It does not use the client itself: that
 * redirects and repeats commands as it sees fit, and keeps commands that a hanging server has not answered.
 */
function borrowedCluster(
  client: Cluster,
  commandTimeout: number,
  connectTimeout: number,
  { clock, random }: DriverContext,
): ClusterPlan {
  const { redisOptions, keyPrefix = '' } = client.options;
  const secrets = redisOptions?.password ? [redisOptions.password] : [];
  const options: ConnectionSettings = { connectTimeout, clock, random, secrets };
  const common = { name: 'cluster', secrets, commandTimeout };
  const create = (address: HostAndPort, extra: RedisOptions): RedisClient =>
    serverClient(client, address, { connectTimeout, ...extra });
  return {
    ...common,
    topology: 'cluster',
    seeds: () => seedsOf(client),
    keyPrefix,
    serverAt: (address) => shardPlan(address, common, options, create),
  };
}

function topologyOf(client: Redis): ServerPlan['topology'] {
  return client.options.sentinels ? 'sentinel' : 'single';
}

/** Reads only the address of the application's client: its options also hold its password. */
function clientName({ options }: Redis, index: number): string {
  if (options.sentinels) return `sentinel ${options.name}`;
  if (options.path) return options.path;
  return options.host ? `${options.host}:${options.port}` : `client ${index + 1}`;
}
