import { parseBackendUrl, type RedisNodeOptions } from '../../lib/drivers/backend-url.js';
import type { DriverContext } from '../../lib/drivers/driver.js';
import { RedisDriver, type RedisDriverSettings } from '../../lib/drivers/redis/index.js';
import { recordingContext } from './driver-suite.js';

/** A driver on the URLs of its nodes, not started. */
export function driverOn(
  urls: string | readonly string[],
  context: DriverContext = recordingContext(),
  settings: Partial<RedisDriverSettings> & RedisNodeOptions = {},
): RedisDriver {
  const url = parseBackendUrl(urls);
  if (url.kind !== 'redis') throw new Error('not a Redis URL');
  const { commandTimeout, connectTimeout, ...rest } = settings;
  const limits = { ...(commandTimeout && { commandTimeout }), ...(connectTimeout && { connectTimeout }) };
  return new RedisDriver(
    { nodes: url.nodes, ...url.nodeOptions, ...limits },
    { ttl: 10_000, ...rest },
    context,
  );
}
