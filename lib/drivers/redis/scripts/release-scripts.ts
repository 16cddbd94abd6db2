import { TRUSTED_MS } from '../../driver.js';
import { grantNext } from './queue-scripts.js';
import { Script } from './script.js';

/** The value of a key whose lock was broken, until its holder no longer acts on it. No id looks like it. */
export const BROKEN = 'broken';

/**
 * Frees the key if it is ours, and grants it to the next waiter; otherwise leaves the queue. Repeatable.
 *
 * A node that has restarted grants nothing before its quarantine is over, also not to a waiter: only a caller that knows its record may grant.
 *
 * KEYS: key, node record, queue, waiters. ARGV: id, what the node record has to say or '', channel of turns where it is not
 * the usual one. Reply: 1, or 0 when it was not ours; alone -1, as it may still be in the queue.
 */
export const RELEASE = new Script(
  `
if redis.call('get', KEYS[1]) ~= ARGV[1] then
  redis.call('zrem', KEYS[3], ARGV[1])
  return 0
end
local holder = false
if redis.call('exists', KEYS[3]) > 0 and (ARGV[2] == '' or redis.call('get', KEYS[2]) == ARGV[2]) then
  local time = redis.call('time')
  local now = time[1] * 1000000 + time[2]${grantNext('KEYS[1]', 'KEYS[3]', 'KEYS[4]', 'ARGV[3]')}
end
if not holder then
  redis.call('del', KEYS[1])
end
return 1
`,
  new Script(`
if redis.call('get', KEYS[1]) ~= ARGV[1] then
  return -1
end
redis.call('del', KEYS[1])
return 1
`),
);

/**
 * Gives the key back, and blocks it for all others for a while. The waiters look at it when that ends.
 * KEYS: key. ARGV: the holder's id, ms. Reply: 1, or 0 when the key was not ours.
 */
export const KEEP = new Script(`
if redis.call('get', KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call('pexpire', KEYS[1], ARGV[2])
redis.call('set', KEYS[1], '${BROKEN}', 'PX', ARGV[2])
return 1
`);

/**
 * Takes the key away from a holder. It blocks the key for all others while that holder may still act on an earlier answer, but no longer
 * than the holder would have had it. The waiters look at the key when that ends.
 *
 * KEYS: key. ARGV: the holder's id. Reply: for how many ms no caller gets the key, or 0 when that holder does not have it.
 */
export const BREAK = new Script(`
if redis.call('get', KEYS[1]) ~= ARGV[1] then
  return 0
end
local left = redis.call('pttl', KEYS[1])
if left < 0 or left > ${TRUSTED_MS} then
  left = ${TRUSTED_MS}
end
redis.call('pexpire', KEYS[1], math.max(left, 1))
redis.call('set', KEYS[1], '${BROKEN}', 'PX', math.max(left, 1))
return math.max(left, 1)
`);
