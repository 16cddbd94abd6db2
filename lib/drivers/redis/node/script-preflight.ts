import { shareOf } from '../../share-id.js';
import type { RedisClient } from '../connection/index.js';
import {
  ACQUIRE,
  BREAK,
  COMPLETE,
  CONFIRM,
  CONFIRM_SHARE,
  counterOf,
  END_SHARE,
  HOLDERS,
  JOIN,
  listOf,
  LockKeys,
  newProcess,
  oneOf,
  processOf,
  queueOf,
  REFRESH,
  RELEASE,
  RELEASE_SHARE,
  RENEW,
  RENEW_SHARES,
  type Script,
  SHARE,
  sharersOf,
  TURN_CHANNEL,
  waitersOf,
} from '../scripts/index.js';
import { cleanError } from '../errors/index.js';

/** The key expires after this many ms if this process dies in the middle. */
const TTL = 1000;

/**
 * Runs every script on a key of its own. That loads the scripts. It also shows at the connect, and not at the first lock, what the user
 * may not do, or that the server is a replica.
 *
 * @param own whether no lock can have the key. Otherwise, nothing of a lock that has it is changed or taken away.
 */
export async function preflight(client: RedisClient, key: string, own: boolean): Promise<void> {
  const [id, waiter, last] = [`${newProcess()}-0`, `${newProcess()}-0`, `${newProcess()}-0`];
  const counter = counterOf(key);
  const { plain, counting, sharing } = new LockKeys(key, key);
  const share = shareOf(id);
  const sharers = sharersOf(key);
  const keys = plain.names;
  const run = (script: Script, keys: readonly string[], args: (string | number)[]): Promise<unknown> =>
    client.eval(script.text, keys.length, ...keys, ...args);
  try {
    const [granted] = listOf(await run(ACQUIRE, counting.names, [id, TTL, '', '', '', '', 0, 1]), 3);
    // A lock that has the key is held.
    if (!own && granted === 0) return;
    oneOf(granted, 1);
    await Promise.all([
      run(ACQUIRE, keys, [waiter, TTL, '', '', TTL]),
      run(CONFIRM, [key, counter], [id, 1]),
      run(RENEW, [key], [TTL, id]),
      run(BREAK, [key], [waiter]),
      run(COMPLETE, [key, key, counter], ['', 0, TTL, id, '']),
      run(JOIN, keys, ['', '', TTL, TURN_CHANNEL, last]),
      run(RELEASE, keys, [last, '']),
      run(RELEASE, keys, [id, '']),
      run(HOLDERS, [key, sharers], []),
      // Neither id has a share.
      run(RENEW_SHARES, [key, sharers], [TTL, share]),
      run(END_SHARE, [key, sharers], [share, '']),
      run(CONFIRM_SHARE, [key, counter, sharers], [share, 1]),
      run(RELEASE_SHARE, sharing.names, [share, '']),
      run(SHARE, sharing.names, [share, TTL, '', '', '', id, '', 0, TURN_CHANNEL, 1]),
      run(
        REFRESH,
        [key, key, ...keys.slice(2), sharers],
        [processOf(waiter), TTL, '', TURN_CHANNEL, 1, waiter],
      ),
    ]);
    // RELEASE has granted the lock to `waiter`. Release it by the script's name, as locks are: that needs a right of its own.
    await client.evalsha(RELEASE.sha, keys.length, ...keys, waiter, '').catch((error: unknown) => {
      if (cleanError(error).kind !== 'no-script') throw error;
      // Another client has flushed all scripts since.
      return run(RELEASE, keys, [waiter, '']);
    });
    if (!own) return;
    await client.del(counter);
    await client.del(waitersOf(key));
  } catch (error) {
    await nameTheCommand(client, key, own);
    throw error;
  }
}

/** A script that may not run a command fails without naming the command. The refusal of the bare command names it. */
async function nameTheCommand(client: RedisClient, key: string, own: boolean): Promise<void> {
  const [queue, waiters] = [queueOf(key), waitersOf(key)];
  await client.set(key, 'preflight', 'PX', TTL, 'NX');
  await client.get(key);
  await client.pttl(key);
  await client.exists(key);
  if (own) await client.del(key);
  // XX: makes nothing that would stay if this process died here.
  await client.zadd(queue, 'XX', 1, 'preflight');
  await client.zrange(queue, '0', '0');
  await client.zscore(queue, 'preflight');
  if (own) await client.pexpire(queue, TTL);
  await client.zrem(queue, 'preflight');
  await client.zremrangebyscore(waiters, 0, 0);
  await client.publish(TURN_CHANNEL, '');
  await client.time();
  await client.info('server');
}
