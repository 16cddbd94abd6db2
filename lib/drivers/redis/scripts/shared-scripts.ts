import { TRUSTED_MS } from '../../driver.js';
import { countTo, FENCING_COUNTER_TTL, nextToken } from './fencing-scripts.js';
import { grantNext, grantSharers, keepWaiting } from './queue-scripts.js';
import { BROKEN } from './release-scripts.js';
import { SHARED_MARK } from '../../share-id.js';
import { SHARED } from './shared-key.js';
import { Script } from './script.js';

/*
 * A shared lock has SHARED in its key until the last share ends. Beside it, a sorted set has the ids of the holders, by the ms of the
 * node's time at which each share ends. So a script that asks for an exclusive lease sees a key of another holder, and need not know of
 * shares. The set counts only while the key has SHARED in it.
 *
 * Only HOLDERS has an `alone` form. While the slot of a Cluster moves, and its keys are in two places, the others fail.
 */

/** Whether the key is held by an exclusive id that this share follows: its turn, or the lease that becomes this share. */
const isOurs = (holder: string, id: string): string =>
  `${holder} and (${holder} == ${id} or ${holder} .. '${SHARED_MARK}' == ${id})`;

/** Sets the local `left` to the time until the last share ends, ms. Needs the local `ms`. */
const timeLeft = (sharers: string): string => `
local left = tonumber(redis.call('zrange', ${sharers}, -1, -1, 'WITHSCORES')[2] or 0) - ms`;

/**
 * Takes a share of the lock, or renews it when it is ours already. If it is not to be had, the id enters its queue when ARGV asks for that.
 *
 * The lock can be shared when it is free, or when it is shared and no waiter for an exclusive lease is ahead. Waiters behind us that share
 * it get their shares at once.
 *
 * KEYS: key, node record, queue, waiters, sharers, and the fencing counter where there are tokens. ARGV: as those of ACQUIRE, and then '1'
 * to take the share only in place of our own exclusive lease. Reply: as that of ACQUIRE.
 */
export const SHARE = new Script(`
local time = redis.call('time')
local now = time[1] * 1000000 + time[2]
local ms = math.floor(now / 1000)
if ARGV[3] ~= '' and now > ARGV[3] * 1000 then
  return { 2, now }
end
if ARGV[4] ~= '' and redis.call('get', KEYS[2]) ~= ARGV[4] then
  return { 3, now }
end
local id, before = ARGV[1], ARGV[6] or ''
local holder = redis.call('get', KEYS[1])
if ARGV[10] ~= '1' then${grantNext('KEYS[1]', 'KEYS[3]', 'KEYS[4]', 'ARGV[9]')}
end
local mine = ${isOurs('holder', 'id')} or (holder and holder == before)
if holder == '${SHARED}' then${grantSharers('KEYS[1]', 'KEYS[3]', 'KEYS[4]', 'KEYS[5]', 'ARGV[9]')}
  local ends = redis.call('zscore', KEYS[5], id) or redis.call('zscore', KEYS[5], before)
  mine = ends and tonumber(ends) > ms or (ARGV[10] ~= '1' and not redis.call('zrange', KEYS[3], 0, 0)[1])
end
if (ARGV[10] == '1' or holder) and not mine then
  if ARGV[5] ~= '' then
    if not redis.call('zscore', KEYS[3], id) then
      local last = redis.call('zrange', KEYS[3], -1, -1, 'WITHSCORES')[2] or 0
      redis.call('zadd', KEYS[3], last + 1, id)
    end${keepWaiting('KEYS[3]', 'KEYS[4]', "string.match(id, '^%w+')", 'ARGV[5]')}
  end
  return { 0, now, redis.call('pttl', KEYS[1]), holder or '' }
end
local hint, token = tonumber(ARGV[7])
if hint then${nextToken('KEYS[6]', 'ARGV[8]')}
end
if holder then
  redis.call('pexpire', KEYS[1], math.max(redis.call('pttl', KEYS[1]), tonumber(ARGV[2])))
end
redis.call('zadd', KEYS[5], ms + ARGV[2], id)
redis.call('zrem', KEYS[5], before)
redis.call('zremrangebyscore', KEYS[5], '-inf', ms)${timeLeft('KEYS[5]')}
redis.call('pexpire', KEYS[5], left)
redis.call('set', KEYS[1], '${SHARED}', 'PX', left)
if holder ~= '${SHARED}' then${grantSharers('KEYS[1]', 'KEYS[3]', 'KEYS[4]', 'KEYS[5]', 'ARGV[9]')}
end
if not hint then
  return now
end${countTo('KEYS[6]')}
return { 1, now, token }
`);

/**
 * Gives a share back, and the lock to the next waiter when it was the last one; otherwise leaves the queue. Repeatable.
 *
 * KEYS: key, node record, queue, waiters, sharers. ARGV and reply: as those of RELEASE.
 */
export const RELEASE_SHARE = new Script(`
local time = redis.call('time')
local now = time[1] * 1000000 + time[2]
local ms = math.floor(now / 1000)
local holder = redis.call('get', KEYS[1])
if not (${isOurs('holder', 'ARGV[1]')}) then
  local ends = holder == '${SHARED}' and redis.call('zscore', KEYS[5], ARGV[1])
  if not ends then
    redis.call('zrem', KEYS[3], ARGV[1])
    return 0
  end
  local held = tonumber(ends) > ms
  redis.call('zrem', KEYS[5], ARGV[1])${timeLeft('KEYS[5]')}
  if left > 0 then
    redis.call('pexpire', KEYS[1], left)
    redis.call('pexpire', KEYS[5], left)
    return held and 1 or 0
  end
  if not held then
    return 0
  end
end
holder = false
if redis.call('exists', KEYS[3]) > 0 and (ARGV[2] == '' or redis.call('get', KEYS[2]) == ARGV[2]) then${grantNext('KEYS[1]', 'KEYS[3]', 'KEYS[4]', 'ARGV[3]')}
end
if not holder then
  redis.call('del', KEYS[1])
end
return 1
`);

/**
 * Moves the end of our shares; never creates one. Our exclusive lease that is to be shared becomes a share.
 * KEYS: the key and the sharers of each lock. ARGV: ttl in ms, then the id of each share. Reply: as that of RENEW.
 */
export const RENEW_SHARES = new Script(`
local time = redis.call('time')
local now = time[1] * 1000000 + time[2]
local ms = math.floor(now / 1000)
local reply = { now }
for i = 1, #KEYS / 2 do
  local key, sharers, id = KEYS[2 * i - 1], KEYS[2 * i], ARGV[i + 1]
  local holder = redis.pcall('get', key)
  local status = holder and -1 or 0
  if type(holder) ~= 'table' then
    local mine = ${isOurs('holder', 'id')}
    if holder == '${SHARED}' then
      local ends = redis.pcall('zscore', sharers, id)
      mine = type(ends) ~= 'table' and tonumber(ends or 0) > ms
      status = type(ends) == 'table' and ends.err or 0
    end
    if mine then
      local left = math.max(redis.call('pttl', key), tonumber(ARGV[1]))
      redis.call('pexpire', key, left)
      redis.call('zadd', sharers, ms + ARGV[1], id)
      redis.call('pexpire', sharers, left)
      redis.call('set', key, '${SHARED}', 'PX', left)
      status = 1
    end
  end
  reply[i + 1] = type(holder) == 'table' and holder.err or status
end
return reply
`);

/**
 * Takes a share away from a holder, and blocks exclusive claims for a while, as BREAK and KEEP do.
 * KEYS: key, sharers. ARGV: the holder's id, for how many ms or '' for as long as the holder may act on an earlier answer. Reply: for
 * how many ms no claim is granted an exclusive lease, or 0 when that holder does not have the share.
 */
export const END_SHARE = new Script(`
local time = redis.call('time')
local ms = math.floor((time[1] * 1000000 + time[2]) / 1000)
local holder = redis.call('get', KEYS[1])
local ends = ms
if ${isOurs('holder', 'ARGV[1]')} then
  ends = ms + math.max(redis.call('pttl', KEYS[1]), 1)
elseif holder == '${SHARED}' then
  ends = tonumber(redis.call('zscore', KEYS[2], ARGV[1]) or 0)
end
if ends <= ms then
  return 0
end
local left = tonumber(ARGV[2]) or math.min(ends - ms, ${TRUSTED_MS})
redis.call('pexpire', KEYS[1], math.max(redis.call('pttl', KEYS[1]), left))
redis.call('zadd', KEYS[2], ms + left, '${BROKEN} ' .. ARGV[1])
redis.call('zrem', KEYS[2], ARGV[1])
local last = tonumber(redis.call('zrange', KEYS[2], -1, -1, 'WITHSCORES')[2]) - ms
redis.call('set', KEYS[1], '${SHARED}', 'PX', last)
redis.call('pexpire', KEYS[2], last)
return left
`);

/** The ids of the holders of a lock, exclusive or shared; at the master. KEYS: key, sharers. Reply: the ids. */
export const HOLDERS = new Script(
  `
local holder = redis.call('get', KEYS[1])
if not holder then
  return {}
end
if holder ~= '${SHARED}' then
  return { holder }
end
local time = redis.call('time')
local ms = math.floor((time[1] * 1000000 + time[2]) / 1000)
local shares = redis.call('zrange', KEYS[2], 0, -1, 'WITHSCORES')
local ids = {}
for i = 1, #shares, 2 do
  if tonumber(shares[i + 1]) > ms then
    ids[#ids + 1] = shares[i]
  end
end
return ids
`,
  new Script(`
local holder = redis.call('get', KEYS[1])
if not holder then
  return {}
end
return { holder }
`),
);

/**
 * As CONFIRM, for a share.
 * KEYS: key, fencing counter, sharers. ARGV: id, token. Reply: the counter now, or 0 when the share is not ours.
 */
export const CONFIRM_SHARE = new Script(`
local time = redis.call('time')
local ms = math.floor((time[1] * 1000000 + time[2]) / 1000)
if redis.call('get', KEYS[1]) ~= '${SHARED}' or tonumber(redis.call('zscore', KEYS[3], ARGV[1]) or 0) <= ms then
  return 0
end
local token = math.max(tonumber(redis.call('get', KEYS[2]) or 0), tonumber(ARGV[2]))
redis.call('pexpire', KEYS[2], ${FENCING_COUNTER_TTL})
redis.call('set', KEYS[2], string.format('%.0f', token), 'PX', ${FENCING_COUNTER_TTL})
return token
`);
