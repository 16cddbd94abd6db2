import { randomUUID } from 'node:crypto';
import type { RedisClient } from './clients.js';
import { channelOf, counterOf } from './keys.js';
import { ACQUIRE, BREAK, CONFIRM, RELEASE, RENEW, type Script } from './scripts.js';

/** The key ends by itself when we die half-way, ms. */
const TTL = 1000;

/**
 * Runs every script on a key of its own: that loads them, and tells when connecting rather than at the first lock
 * what the user may not do, or that this is a replica.
 */
export async function rehearse(client: RedisClient, key: string): Promise<void> {
  const channel = channelOf(key);
  const id = randomUUID();
  const counter = counterOf(key);
  const run = (script: Script, keys: string[], args: (string | number)[]): Promise<unknown> =>
    client.eval(script.text, keys.length, ...keys, ...args);
  try {
    await run(ACQUIRE, [key, key, counter], [id, TTL, '', '', 0]);
    await Promise.all([
      run(ACQUIRE, [key, key], ['somebody else', TTL, '', '', '']),
      run(CONFIRM, [key, counter], [id, 1]),
      run(RENEW, [key], [TTL, id]),
      run(RELEASE, [key], [id, channel]),
      run(BREAK, [key], [id, channel, '']),
    ]);
    await client.evalsha(BREAK.sha, 1, key, id, channel, '');
    await client.del(counter);
  } catch (error) {
    await nameTheCommand(client, key, channel);
    throw error;
  }
}

/** A script that may not run a command fails without naming it; the bare command's own refusal does. */
async function nameTheCommand(client: RedisClient, key: string, channel: string): Promise<void> {
  await client.set(key, 'rehearsal', 'PX', TTL);
  await client.get(key);
  await client.pttl(key);
  await client.del(key);
  await client.publish(channel, '');
  await client.time();
  await client.info('server');
}
