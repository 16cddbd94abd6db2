import { Script } from './script.js';

/*
 * A record is a string, '<version> <value>', with a ttl. Each space has a sorted set of the keys of its records, by the time at which they
 * expire, in ms of the node's time. It serves to list them; a key in it whose record is gone means nothing. All keys of a space are in one
 * slot of a Cluster. A change is published on the channel of the space: on a Cluster with sharded channels by SPUBLISH. A user of Redis
 * without the right to publish still stores records.
 *
 * Where there are several nodes, a record that is removed leaves a mark: a string, '<version>', that lasts as long as the record would
 * have. A node that was away meanwhile still has the record, and the mark keeps it from being taken for the newest one. A newer record
 * may be stored beside the mark. An earlier version of this package knows of no marks.
 *
 * A reply has '-<version>' for a mark that is as new as the record, or newer.
 */

const TELL = (channel: string, sharded: string): string => `
local heard = ${sharded} ~= '' and redis.pcall('spublish', ${channel}, '')
if type(heard) ~= 'number' or heard == 0 then
  redis.pcall('publish', ${channel}, '')
end`;

/**
 * Stores a record unless a newer one is there. The same record again only lasts longer. That needs no memory, so a full Redis does it
 * too.
 *
 * KEYS: record, index of the space, and the mark where there are marks. ARGV: version, value, ttl in ms, channel, '1' on a shard of a
 * Cluster or ''. Reply: { what is there afterwards, its pttl, the node's time in ms }.
 */
export const PUT = new Script(`
local text = ARGV[1] .. ' ' .. ARGV[2]
local there = redis.call('get', KEYS[1])
local time = redis.call('time')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local mark = KEYS[3] and redis.call('get', KEYS[3])
if mark and tonumber(mark) >= tonumber(ARGV[1]) then
  return { '-' .. mark, redis.call('pttl', KEYS[3]), now }
end
if there and there ~= text then
  if tonumber(string.match(there, '^%d+') or 0) >= tonumber(ARGV[1]) then
    return { there, redis.call('pttl', KEYS[1]), now }
  end
end
if there == text then
  redis.call('pexpire', KEYS[1], ARGV[3])
else
  redis.call('set', KEYS[1], text, 'PX', ARGV[3])
end
redis.call('zadd', KEYS[2], now + ARGV[3], KEYS[1])
redis.call('zremrangebyscore', KEYS[2], '-inf', now)
redis.call('pexpire', KEYS[2], math.max(redis.call('pttl', KEYS[2]), tonumber(ARGV[3])))
if there ~= text then${TELL('ARGV[4]', 'ARGV[5]')}
end
return { text, tonumber(ARGV[3]), now }
`);

/**
 * Removes a record unless a newer one is there.
 * KEYS: record, index of the space. ARGV: version, channel, '1' on a shard of a Cluster or ''. Reply: 1, or 0 when none was removed.
 */
export const REMOVE = new Script(`
local there = redis.call('get', KEYS[1])
if not there or tonumber(string.match(there, '^%d+') or 0) > tonumber(ARGV[1]) then
  return 0
end
redis.call('zrem', KEYS[2], KEYS[1])
redis.call('del', KEYS[1])${TELL('ARGV[2]', 'ARGV[3]')}
return 1
`);

/**
 * Removes a record unless a newer one is there, and leaves a mark. Repeatable.
 * KEYS: record, index of the space, mark. ARGV: version, channel, '1' on a shard of a Cluster or '', for how many ms the mark lasts.
 * Reply: 1, or 0 when a newer one is there.
 */
export const MARK = new Script(`
local there = redis.call('get', KEYS[1])
if there and tonumber(string.match(there, '^%d+') or 0) > tonumber(ARGV[1]) then
  return 0
end
local mark = redis.call('get', KEYS[3])
if not mark or tonumber(mark) < tonumber(ARGV[1]) then
  mark = ARGV[1]
end
local time = redis.call('time')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local left = math.max(redis.call('pttl', KEYS[3]), tonumber(ARGV[4]))
redis.call('del', KEYS[1])
redis.call('set', KEYS[3], mark, 'PX', left)
redis.call('zadd', KEYS[2], now + left, KEYS[1])
redis.call('zremrangebyscore', KEYS[2], '-inf', now)
redis.call('pexpire', KEYS[2], math.max(redis.call('pttl', KEYS[2]), left))
if there then${TELL('ARGV[2]', 'ARGV[3]')}
end
return 1
`);

/**
 * KEYS: records, or records each followed by its mark. ARGV: 1, or 2 where there are marks. Reply: for each record what is there, or '',
 * and its pttl; at the end the node's time in ms.
 */
export const READ = new Script(`
local found = {}
local time = redis.call('time')
local step = tonumber(ARGV[1])
for i = 1, #KEYS / step do
  local key = KEYS[step * (i - 1) + 1]
  local text = redis.call('get', key) or ''
  local mark = step == 2 and redis.call('get', KEYS[2 * i])
  if mark and tonumber(mark) >= tonumber(string.match(text, '^%d+') or 0) then
    key, text = KEYS[2 * i], '-' .. mark
  end
  found[2 * i - 1] = text
  found[2 * i] = redis.call('pttl', key)
end
found[#found + 1] = time[1] * 1000 + math.floor(time[2] / 1000)
return found
`);

/** KEYS: index of a space. Reply: the keys of its records, and perhaps of some that have expired or were removed. */
export const INDEX = new Script("return redis.call('zrange', KEYS[1], 0, -1)");
