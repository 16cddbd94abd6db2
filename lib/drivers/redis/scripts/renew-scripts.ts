import { FENCING_COUNTER_TTL } from './fencing-scripts.js';
import { Script } from './script.js';

/**
 * Moves the end of our leases; never creates a key. An error of Redis for one key does not stop the renewal of the others.
 * KEYS: a key for each lease. ARGV: ttl in ms, then the id of each lease. Reply: now, then for each key 1 renewed ·
 * 0 it is gone · -1 another holder has it · or the text of an error.
 */
export const RENEW = new Script(`
local time = redis.call('time')
local reply = { time[1] * 1000000 + time[2] }
for i = 1, #KEYS do
  local holder = redis.pcall('get', KEYS[i])
  local status = holder and -1 or 0
  if holder == ARGV[i + 1] then
    holder = redis.pcall('pexpire', KEYS[i], ARGV[1])
    status = 1
  end
  reply[i + 1] = type(holder) == 'table' and holder.err or status
end
return reply
`);

/**
 * Stores leases that a quorum has, and this node has not, under their keys here if these are free. Raises the fencing counter as CONFIRM
 * does. The lease of another holder stays.
 *
 * KEYS: node record, then for each lease its key and fencing counter. ARGV: what the node record has to say or '', the last moment
 * to do it in ms of the node's time, ttl in ms, then for each lease its id, and its last token or ''. Reply: { 1, now, for each
 * lease 1 when the key is its own now, or 0 } · { 2, now } it is too late · { 3, now } the node record says something else.
 */
export const COMPLETE = new Script(`
local time = redis.call('time')
local now = time[1] * 1000000 + time[2]
if now > ARGV[2] * 1000 then
  return { 2, now }
end
if ARGV[1] ~= '' and redis.call('get', KEYS[1]) ~= ARGV[1] then
  return { 3, now }
end
local reply = { 1, now }
for i = 2, #KEYS, 2 do
  local id, last = ARGV[i + 2], tonumber(ARGV[i + 3])
  local holder = redis.call('get', KEYS[i])
  local token
  if last and (not holder or holder == id) then
    token = math.max(tonumber(redis.call('get', KEYS[i + 1]) or 0), last)
  end
  if not holder then
    redis.call('set', KEYS[i], id, 'PX', ARGV[3])
    holder = id
  end
  if token then
    redis.call('set', KEYS[i + 1], string.format('%.0f', token), 'PX', ${FENCING_COUNTER_TTL})
  end
  reply[#reply + 1] = holder == id and 1 or 0
end
return reply
`);
