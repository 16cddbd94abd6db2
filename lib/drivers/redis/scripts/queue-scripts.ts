import { TURN_CHANNEL } from './keys.js';
import { Script } from './script.js';
import { SHARED_MARK } from '../../share-id.js';
import { SHARED } from './shared-key.js';

/**
 * How long a waiter has the lock that was granted to it before it must ask for the whole ttl, ms. Long enough for the message to reach
 * the waiter and for most work, and short enough if the waiter is dead.
 */
export const SHORT_GRANT = 700;

/** How long a queue outlives the last sign of life of its waiters, ms. */
export const QUEUE_TTL = 60_000;

/** Tells the process of the local `first` that it is that waiter's turn. */
const tellTurn = (channel: string): string => `
    local turn, message = (${channel} or '${TURN_CHANNEL}') .. process, string.format('%s %.0f', first, now)
    local heard = string.find(turn, '{', 1, true) and redis.pcall('spublish', turn, message)
    if type(heard) ~= 'number' or heard == 0 then
      redis.call('publish', turn, message)
    end`;

/**
 * While there is no holder, grants the key for a short time to the first waiter whose process is alive, and sends that waiter a message
 * with the node's time. Needs the locals `holder` and `now`; sets `holder`.
 *
 * On a Cluster PUBLISH goes to every node. So it is used there only when no client has heard SPUBLISH: Redis is older than 7, or one of
 * the users may not use it. Only a channel in a lock's slot has a hash tag.
 */
export const grantNext = (key: string, queue: string, waiters: string, channel: string): string => `
while not holder do
  local first = redis.call('zrange', ${queue}, 0, 0)[1]
  if not first then
    break
  end
  redis.call('zrem', ${queue}, first)
  local process = string.match(first, '^%w+')
  if tonumber(redis.call('zscore', ${waiters}, process) or 0) * 1000 >= now then
    redis.call('set', ${key}, first, 'PX', ${SHORT_GRANT})
${tellTurn(channel)}
    holder = first
  end
end`;

/**
 * Gives the first waiters of a shared lock a share each, for a short time, up to the first one that wants an exclusive lease. Waiters
 * whose process is not alive are passed over. Needs the locals `now` and `ms`.
 */
export const grantSharers = (
  key: string,
  line: string,
  waiters: string,
  sharers: string,
  channel: string,
): string => `
while true do
  local first = redis.call('zrange', ${line}, 0, 0)[1]
  local process = first and string.match(first, '^%w+')
  local alive = first and tonumber(redis.call('zscore', ${waiters}, process) or 0) * 1000 >= now
  if not first or (alive and not string.find(first, '${SHARED_MARK}', 1, true)) then
    break
  end
  redis.call('zrem', ${line}, first)
  if alive then
    redis.call('zadd', ${sharers}, ms + ${SHORT_GRANT}, first)
    local left = math.max(redis.call('pttl', ${key}), ${SHORT_GRANT})
    redis.call('pexpire', ${key}, left)
    redis.call('pexpire', ${sharers}, left)${tellTurn(channel)}
  end
end`;

/** Keeps the sets of the waiters, and marks a process as alive for so many ms. Needs the local `now`. */
export const keepWaiting = (queue: string, waiters: string, process: string, alive: string): string => `
local ms = math.floor(now / 1000)
redis.call('zadd', ${waiters}, ms + ${alive}, ${process})
redis.call('zremrangebyscore', ${waiters}, '-inf', ms - ${QUEUE_TTL})
redis.call('pexpire', ${queue}, ${QUEUE_TTL})
redis.call('pexpire', ${waiters}, ${QUEUE_TTL})`;

/**
 * Puts new ids of one process into the queue of a lock, in this order. A free lock is granted to the next one.
 *
 * KEYS: key, node record, queue, waiters. ARGV: the last moment to do it in ms of the node's time or '', what the node record
 * has to say or '', for how many ms the process is alive, channel of turns, the ids.
 * Reply: { 1, now, pttl, holder's id } · { 2, now } it is too late to do it · { 3, now } the node record says something else.
 */
export const JOIN = new Script(`
local time = redis.call('time')
local now = time[1] * 1000000 + time[2]
if ARGV[1] ~= '' and now > ARGV[1] * 1000 then
  return { 2, now }
end
if ARGV[2] ~= '' and redis.call('get', KEYS[2]) ~= ARGV[2] then
  return { 3, now }
end
local holder = redis.call('get', KEYS[1])
local last = tonumber(redis.call('zrange', KEYS[3], -1, -1, 'WITHSCORES')[2] or 0)
for at = 5, #ARGV do
  last = last + 1
  redis.call('zadd', KEYS[3], last, ARGV[at])
end${keepWaiting('KEYS[3]', 'KEYS[4]', "string.match(ARGV[5], '^%w+')", 'ARGV[3]')}${grantNext('KEYS[1]', 'KEYS[3]', 'KEYS[4]', 'ARGV[4]')}
return { 1, now, redis.call('pttl', KEYS[1]), holder or '' }
`);

/**
 * Marks a process as alive, and looks at the locks for which it has waiters. A free lock is granted to the next waiter, a shared one to
 * the next waiters that share it. No id is entered into a queue.
 *
 * KEYS: node record, then for each lock its key, queue, waiters and sharers. ARGV: process, for how many ms it is alive, what the
 * node record has to say or '', channel of turns, then for each lock how many ids of the process are looked at, and these ids.
 * Reply: { 3, now } the node record says something else · { 1, now, lock … }, each lock { holder's id or '', pttl, those of
 * the ids that are not in the queue … }. For a shared lock the holder is one of the given ids that has a share, if there is one, and no
 * id with a share is listed as missing. The `alone` form, with the lock's key as its first one: { 4, 0, lock }; nothing is known of the
 * lock's queue.
 */
export const REFRESH = new Script(
  `
local time = redis.call('time')
local now = time[1] * 1000000 + time[2]
if ARGV[3] ~= '' and redis.call('get', KEYS[1]) ~= ARGV[3] then
  return { 3, now }
end
local reply = { 1, now }
local ms = math.floor(now / 1000)
local at = 5
for lock = 2, #KEYS, 4 do
  redis.call('pexpire', KEYS[lock + 1], ${QUEUE_TTL})
  redis.call('zadd', KEYS[lock + 2], ms + ARGV[2], ARGV[1])
  redis.call('pexpire', KEYS[lock + 2], ${QUEUE_TTL})
  local holder = redis.pcall('get', KEYS[lock])
  -- No text: who tries is told, and the other locks are looked at all the same.
  if type(holder) == 'table' then
    holder = ''
  end${grantNext('KEYS[lock]', 'KEYS[lock + 1]', 'KEYS[lock + 2]', 'ARGV[4]')}
  local shared = holder == '${SHARED}'
  if shared then${grantSharers('KEYS[lock]', 'KEYS[lock + 1]', 'KEYS[lock + 2]', 'KEYS[lock + 3]', 'ARGV[4]')}
  end
  local seen = { holder or '', redis.call('pttl', KEYS[lock]) }
  for waiter = at + 1, at + ARGV[at] do
    if not redis.call('zscore', KEYS[lock + 1], ARGV[waiter]) then
      local share = shared and tonumber(redis.call('zscore', KEYS[lock + 3], ARGV[waiter]) or 0) > ms
      if not share then
        seen[#seen + 1] = ARGV[waiter]
      elseif seen[1] == '${SHARED}' then
        seen[1] = ARGV[waiter]
      end
    end
  end
  at = at + ARGV[at] + 1
  reply[#reply + 1] = seen
end
return reply
`,
  new Script(`
return { 4, 0, { redis.call('get', KEYS[1]) or '', redis.call('pttl', KEYS[1]) } }
`),
);

/** Leaves the queue of a lock, after RELEASE has run in its `alone` form. KEYS: queue. ARGV: id. */
export const LEAVE = new Script("return redis.call('zrem', KEYS[1], ARGV[1])");
