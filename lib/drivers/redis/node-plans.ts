import type { DriverContext } from '../driver.js';
import type { RedisNodeOptions } from '../url-query.js';
import { BorrowedConnection } from './borrowed-connection.js';
import { createClient, duplicateClient, isCluster, type RedisClient } from './clients.js';
import type { Connection, ConnectionOwner, ConnectionSettings } from './connection.js';
import { OwnConnection } from './own-connection.js';
import type { RedisDriverSettings, RedisSource } from './settings.js';
import { nodeName } from './redis-url.js';

const CONNECT_TIMEOUT = 3000;
const SHORTEST_COMMAND_TIMEOUT = 50;
const LONGEST_COMMAND_TIMEOUT = 1000;

/** How to reach one node, whoever its connections belong to. */
export interface NodePlan {
  readonly name: string;
  /** What must not be in any message. */
  readonly secrets: readonly string[];
  readonly commandTimeout: number;
  readonly topology: 'single' | 'sentinel' | 'cluster';
  /** The connection for commands. */
  readonly connect: (owner: ConnectionOwner) => Connection;
  /** The connection for subscriptions; always ours. */
  readonly subscribe: (owner: ConnectionOwner) => Connection;
}

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
      const options: ConnectionSettings = { connectTimeout, clock, random, secrets: [] };
      return {
        name: clientName(client, index),
        secrets: options.secrets,
        commandTimeout,
        topology: topologyOf(client),
        connect: (owner) => new BorrowedConnection(client, owner, options),
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
    ].filter((each): each is string => Boolean(each));
    const options: ConnectionSettings = { connectTimeout, clock, random, tls: url.tls, secrets: passwords };
    const create = (purpose: 'commands' | 'messages') => (): RedisClient =>
      createClient(url, source, connectTimeout, redisOptions, purpose);
    return {
      name: nodeName(url),
      secrets: options.secrets,
      commandTimeout,
      topology: url.topology,
      connect: (owner) => new OwnConnection(create('commands'), owner, options),
      subscribe: (owner) => new OwnConnection(create('messages'), owner, options),
    };
  });
}

function topologyOf(client: RedisClient): NodePlan['topology'] {
  if (isCluster(client)) return 'cluster';
  return client.options.sentinels ? 'sentinel' : 'single';
}

/** Only the address is read of the application's client, whose options hold its password. */
function clientName(client: RedisClient, index: number): string {
  const { options } = client;
  if ('sentinels' in options && options.sentinels) return `sentinel ${options.name}`;
  if ('path' in options && options.path) return options.path;
  if ('host' in options && options.host) return `${options.host}:${options.port}`;
  return isCluster(client) ? 'cluster' : `client ${index + 1}`;
}
