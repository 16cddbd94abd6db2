import { takeApart } from '../../lib/drivers/backend-url.js';
import type { DriverContext } from '../../lib/drivers/driver.js';
import {
  NODE_KEYS,
  nodeOptionsOf,
  type RedisNodeOptions,
} from '../../lib/drivers/redis/options/node-options.js';
import { parseRedisUrls, REDIS_SCHEMES } from '../../lib/drivers/redis/options/redis-url.js';
import { RedisDriver, type RedisDriverSettings } from '../../lib/drivers/redis/index.js';
import { readQueries } from '../../lib/drivers/url-query.js';
import { recordingContext } from './driver-suite.js';

/** A driver on the URLs of its nodes, not started. */
export function driverOn(
  urls: string | readonly string[],
  context: DriverContext = recordingContext(),
  settings: Partial<RedisDriverSettings> & RedisNodeOptions = {},
): RedisDriver {
  const parts = takeApart(urls, { all: REDIS_SCHEMES, bare: [] });
  const query = readQueries(
    parts.map((part) => part.query),
    NODE_KEYS,
  );
  const { commandTimeout, connectTimeout, ...rest } = settings;
  const limits = { ...(commandTimeout && { commandTimeout }), ...(connectTimeout && { connectTimeout }) };
  return new RedisDriver(
    { nodes: parseRedisUrls(parts), ...nodeOptionsOf(query), ...limits },
    { ttl: 10_000, ...rest },
    context,
  );
}
