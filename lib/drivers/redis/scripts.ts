import { createHash } from 'node:crypto';

/**
 * How far a client's clock may push fencing tokens ahead of a node's, µs: one that is a year ahead would use up a
 * year of tokens, and everybody whose clock is right would count in single steps behind it.
 */
const FENCING_CAP_US = 60_000_000;

/**
 * How long a fencing counter outlives its last lease, ms. Longer than the cap and any sane skew of clocks: by then
 * the clocks alone give larger tokens.
 */
const FENCING_COUNTER_TTL = 3_600_000;

/** A Lua script, and the name under which Redis keeps it. */
export class Script {
  readonly sha: string;

  constructor(readonly text: string) {
    this.sha = createHash('sha1').update(text).digest('hex');
  }
}

/*
 * The key is Redlock's: a plain string that holds its holder's id, with a ttl. Any other Redlock client can hold
 * and respect the same locks. Times of a node are µs since 1970, as TIME tells them; they stay exact, below 2^53.
 */

/**
 * Takes the key, or renews it when it is ours already.
 *
 * The token is max(counter + 1, min(hint, the node's time + cap)): one hint for all nodes makes their tokens equal nearly
 * always, and no clock is used while the counters are ahead of it. A node's time is a limit and never a source: a node
 * whose clock is wrong would give tokens that no other node can follow once it has lost them.
 *
 * KEYS: key, node record, fencing counter. ARGV: id, ttl in ms, the last moment to do it in ms of the node's time or
 * '', what the node record has to say or '', hint for the token in µs or '' for no token.
 * Reply: { 1, now, token or 0 } taken · { 0, now, pttl, holder's id } somebody else holds it · { 2, now } it is too
 * late to do it · { 3, now } the node record says something else.
 */
export const ACQUIRE = new Script(`
local time = redis.call('time')
local now = time[1] * 1000000 + time[2]
if ARGV[3] ~= '' and now > ARGV[3] * 1000 then
  return { 2, now }
end
if ARGV[4] ~= '' and redis.call('get', KEYS[2]) ~= ARGV[4] then
  return { 3, now }
end
if not redis.call('set', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
  local holder = redis.call('get', KEYS[1])
  if holder ~= ARGV[1] then
    return { 0, now, redis.call('pttl', KEYS[1]), holder or '' }
  end
  redis.call('set', KEYS[1], ARGV[1], 'PX', ARGV[2])
end
if ARGV[5] == '' then
  return { 1, now, 0 }
end
local last = redis.call('get', KEYS[3]) or 0
local token = math.max(last + 1, math.min(tonumber(ARGV[5]), now + ${FENCING_CAP_US}))
redis.call('set', KEYS[3], string.format('%.0f', token), 'PX', ${FENCING_COUNTER_TTL})
return { 1, now, token }
`);

/**
 * Raises the fencing counter to the token that a quorum will have, while the key is ours.
 * KEYS: key, fencing counter. ARGV: id, token. Reply: the counter now, or 0 when the key is not ours.
 */
export const CONFIRM = new Script(`
if redis.call('get', KEYS[1]) ~= ARGV[1] then
  return 0
end
local token = math.max(tonumber(redis.call('get', KEYS[2]) or 0), tonumber(ARGV[2]))
redis.call('set', KEYS[2], string.format('%.0f', token), 'PX', ${FENCING_COUNTER_TTL})
return token
`);

/**
 * Moves the end of our leases; never creates a key. What Redis refuses for one key does not keep it from the others.
 * KEYS: a key for each lease. ARGV: ttl in ms, then the id of each lease. Reply: now, then for each key 1 renewed ·
 * 0 it is gone · -1 it is somebody else's · or the text of an error.
 */
export const RENEW = new Script(`
local time = redis.call('time')
local reply = { time[1] * 1000000 + time[2] }
for i = 1, #KEYS do
  local holder = redis.pcall('get', KEYS[i])
  local status = holder and -1 or 0
  if holder == ARGV[i + 1] then
    holder = redis.pcall('set', KEYS[i], ARGV[i + 1], 'PX', ARGV[1])
    status = 1
  end
  reply[i + 1] = type(holder) == 'table' and holder.err or status
end
return reply
`);

/**
 * Frees the key if it is ours.
 * KEYS: key. ARGV: id, channel to tell the waiters on, or '' to tell nobody. Reply: 1, or 0 when it was not ours.
 */
export const RELEASE = new Script(`
if redis.call('get', KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call('del', KEYS[1])
if ARGV[2] ~= '' then
  redis.call('publish', ARGV[2], ARGV[1])
end
return 1
`);

/**
 * Frees the key whoever holds it.
 * KEYS: key. ARGV: id of this break, channel, the last moment to do it in ms of the node's time or ''.
 * Reply: 1, or 0 when nobody held it, or -1 when it is too late to do it.
 */
export const BREAK = new Script(`
local time = redis.call('time')
if ARGV[3] ~= '' and time[1] * 1000000 + time[2] > ARGV[3] * 1000 then
  return -1
end
if redis.call('del', KEYS[1]) == 0 then
  return 0
end
redis.call('publish', ARGV[2], ARGV[1])
return 1
`);

/**
 * Reads the node's record, and writes it where something has changed.
 *
 * A node that restarted may have forgotten leases that are still held, and so it grants nothing until the longest of
 * them must be over. It keeps that in mind itself: a client may be newer than the restart. The record is
 * '<run_id> <list of nodes> <born in ms> <longest ttl in ms>'. One of another run is that of a server before this one,
 * or of the master of this replica: the node is born now. Without one it is new or was emptied: it is then as old as its
 * server (uptime is cut to whole seconds), unless that has been told to forget keys.
 * A list of nodes that is not ours is replaced when nobody who uses it has been heard of for two longest ttls.
 *
 * KEYS: node record. ARGV: our list of nodes, our longest ttl in ms, '1' when the node never forgets a write or '',
 * shortest ttl of the record in ms. Reply: { 1, now, record, ms until it grants } · { 0, now, the other list of nodes }.
 */
export const ENROL = new Script(`
local time = redis.call('time')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local info = redis.call('info', 'server')
local run = string.match(info, 'run_id:(%w+)')
local record = redis.call('get', KEYS[1]) or ''
local recorded, list, born, longest = string.match(record, '^(%w+) (%S+) (%d+) (%d+)$')
local before = tonumber(longest or 0)
longest = math.max(tonumber(ARGV[2]), before)
born = tonumber(born or 0)
if recorded ~= run and ARGV[3] == '' then
  local stats = redis.call('info', 'commandstats')
  if recorded or string.find(stats, 'cmdstat_flush') or string.find(stats, 'cmdstat_swapdb') then
    born = now
  else
    born = now - 1000 * (string.match(info, 'uptime_in_seconds:(%d+)') - 1)
  end
end
born = math.min(born, now)
if list and list ~= '-' and list ~= ARGV[1] then
  local idle = math.max(ARGV[4], 3 * before) - redis.call('pttl', KEYS[1])
  if idle < 2 * longest then
    return { 0, now * 1000, list }
  end
end
record = string.format('%s %s %.0f %.0f', run, ARGV[1], born, longest)
redis.call('set', KEYS[1], record, 'PX', string.format('%.0f', math.max(ARGV[4], 3 * longest)))
return { 1, now * 1000, record, math.max(0, born + longest - now) }
`);
