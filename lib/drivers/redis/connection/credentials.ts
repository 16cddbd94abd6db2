import type { RedisOptions } from 'ioredis';
import { cleanError, NodeError } from '../errors/index.js';
import type { Credential, RedisConnectionOptions } from '../options/index.js';

/**
 * How many passwords that functions gave are kept out of messages, for each node. A message may show the password of its own connect, and
 * so many connects to one node are hardly under way at once.
 */
export const MOST_GIVEN = 64;

/** Whether user or password is a function, which has to be called at each connect. */
export function asksFor(options: RedisConnectionOptions | undefined): boolean {
  return typeof options?.username === 'function' || typeof options?.password === 'function';
}

/**
 * The options with the present user and password.
 * @param onSecret gets the password, to keep it out of every message
 * @throws NodeError when a function does not give them
 */
export async function withCredentials(
  { username, password, ...options }: RedisConnectionOptions,
  onSecret: (secret: string) => void,
): Promise<RedisOptions> {
  const known = {
    ...(username !== undefined && { username: await asked('username', username) }),
    ...(password !== undefined && { password: await asked('password', password) }),
  };
  if (known.password) onSecret(known.password);
  return { ...(options as RedisOptions), ...known };
}

/**
 * Returns what adds a password that a function gave to the texts that no message may show. The latest passwords are kept: a function may
 * give another one at each connect, and a process may live for years.
 * @param secrets has the passwords of the options, which stay
 */
export function keeperOf(secrets: string[]): (secret: string) => void {
  const fixed = secrets.length;
  return (secret) => {
    const at = secrets.indexOf(secret);
    if (at !== -1 && at < fixed) return;
    if (at !== -1) secrets.splice(at, 1);
    else if (secrets.length === fixed + MOST_GIVEN) secrets.splice(fixed, 1);
    secrets.push(secret);
  };
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
