import { countTo, nextToken } from './fencing-scripts.js';
import { grantNext, keepWaiting } from './queue-scripts.js';
import { Script } from './script.js';

/**
 * Takes the key, or renews it when it is ours already. If another holder has it, the id enters its queue when ARGV asks for that.
 *
 * A free key goes to its waiters first. An id that takes the key or is granted it leaves the queue.
 *
 * The arguments that most acquisitions need come first, and are all that they send: each argument costs, and so does a table in the reply.
 *
 * KEYS: key, node record, queue, waiters, fencing counter. ARGV: id, ttl in ms, the last moment to do it in ms of the
 * node's time or '', what the node record has to say or '', for how many ms we are alive as a waiter or '' when we do not
 * wait; then, if need be, an earlier id of ours that the key may hold or '', hint for the token in µs or '' for no token,
 * how many tokens, channel of turns where it is not the usual one.
 * Alone, it takes the key without the tokens, and enters no queue.
 * Reply: now, taken · { 1, now, last token } taken · { 0, now, pttl, holder's id } another holder has it · { 2, now } it is
 * too late to do it · { 3, now } the node record says something else.
 */
export const ACQUIRE = new Script(
  `
local time = redis.call('time')
local now = time[1] * 1000000 + time[2]
if ARGV[3] ~= '' and now > ARGV[3] * 1000 then
  return { 2, now }
end
if ARGV[4] ~= '' and redis.call('get', KEYS[2]) ~= ARGV[4] then
  return { 3, now }
end
local holder
if redis.call('exists', KEYS[1], KEYS[3]) > 0 then
  holder = redis.call('get', KEYS[1])${grantNext('KEYS[1]', 'KEYS[3]', 'KEYS[4]', 'ARGV[9]')}
  if holder and holder ~= ARGV[1] and holder ~= ARGV[6] then
    if ARGV[5] ~= '' then
      if not redis.call('zscore', KEYS[3], ARGV[1]) then
        local last = redis.call('zrange', KEYS[3], -1, -1, 'WITHSCORES')[2] or 0
        redis.call('zadd', KEYS[3], last + 1, ARGV[1])
      end${keepWaiting('KEYS[3]', 'KEYS[4]', "string.match(ARGV[1], '^%w+')", 'ARGV[5]')}
    end
    return { 0, now, redis.call('pttl', KEYS[1]), holder }
  end
end
local hint, token = tonumber(ARGV[7])
if hint then${nextToken('KEYS[5]', 'ARGV[8]')}
end
if holder then
  redis.call('pexpire', KEYS[1], ARGV[2])
end
redis.call('set', KEYS[1], ARGV[1], 'PX', ARGV[2])
if not hint then
  return now
end${countTo('KEYS[5]')}
return { 1, now, token }
`,
  new Script(`
local time = redis.call('time')
local now = time[1] * 1000000 + time[2]
local holder = redis.call('get', KEYS[1])
if holder and holder ~= ARGV[1] and holder ~= ARGV[6] then
  return { 0, now, redis.call('pttl', KEYS[1]), holder }
end
redis.call('set', KEYS[1], ARGV[1], 'PX', ARGV[2])
return now
`),
);
