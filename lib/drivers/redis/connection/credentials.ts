import type { RedisOptions } from 'ioredis';
import { cleanError, NodeError } from '../errors/index.js';
import type { Credential, RedisConnectionOptions, SentinelNodeUrl, SingleNodeUrl } from '../options/index.js';

/** Whether user or password is a function, which has to be called at each connect. */
export function asksFor(options: RedisConnectionOptions | undefined): boolean {
  return typeof options?.username === 'function' || typeof options?.password === 'function';
}

/**
 * The options with the present user and password. These win over those of the URL.
 * @param onSecret gets the password, to keep it out of every message
 * @throws NodeError when a function does not give them
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
    // The text of the error may hold anything, so only its code is shown.
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
