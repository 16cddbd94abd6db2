import type { RedisOptions } from 'ioredis';
import { cleanError, NodeError } from '../errors/index.js';
import type { Credential, RedisConnectionOptions, SentinelNodeUrl, SingleNodeUrl } from '../options/index.js';

/** Asks for what is given as a function; undefined where everything is known already. */
export function asksFor(options: RedisConnectionOptions | undefined): boolean {
  return typeof options?.username === 'function' || typeof options?.password === 'function';
}

/**
 * The options with the user and password of this moment, which go before those of the URL.
 * @param onSecret told the password, to be kept out of every message
 * @throws NodeError when they cannot be had
 */
export async function withCredentials(
  url: SingleNodeUrl | SentinelNodeUrl,
  { username, password, ...options }: RedisConnectionOptions,
  onSecret: (secret: string) => void,
): Promise<{ url: SingleNodeUrl | SentinelNodeUrl; options: RedisOptions }> {
  const known = {
    ...(username !== undefined && { username: await asked('username', username) }),
    ...(password !== undefined && { password: await asked('password', password) }),
  };
  if (known.password) onSecret(known.password);
  const without = {
    ...url,
    ...(typeof username === 'function' && { username: undefined }),
    ...(typeof password === 'function' && { password: undefined }),
  };
  return { url: without, options: { ...(options as RedisOptions), ...known } };
}

async function asked(option: string, credential: Credential): Promise<string> {
  if (typeof credential === 'string') return credential;
  let given: unknown;
  try {
    given = await credential();
  } catch (error) {
    // Its words may hold anything.
    throw new NodeError(
      `the function redis.options.${option} failed (${cleanError(error).code ?? 'see its own log'})`,
      {
        sent: false,
      },
    );
  }
  if (typeof given === 'string') return given;
  throw new NodeError(`the function redis.options.${option} gave no string`, { sent: false });
}
