import { execFileSync } from 'node:child_process';

/** The server that the tests start: redis-server, or another one that is named in REDIS_SERVER. */
export const REDIS_COMMAND = process.env['REDIS_SERVER'] ?? 'redis-server';

let version: number | undefined;

/** Its version, such as 7.2. Valkey and Redict begin where Redis 7.2 is, and have greater ones. */
export function redisVersion(): number {
  version ??= Number(/ v=(\d+\.\d+)/.exec(execFileSync(REDIS_COMMAND, ['--version']).toString())?.[1]);
  return version;
}
