import { Script } from './script.js';

/**
 * Reads what a node knows of itself, for the locks of one scope (a prefix), and writes it if something has changed.
 *
 * A node that restarted or was emptied may have forgotten leases that are still held. The node itself records since when it remembers
 * every lease, as a client may be newer than that. A record is
 * '<run_id> <list of nodes> <born in ms> <longest ttl in ms> <to sit out, in ms> <made in ms>'. Each scope has a record. The node
 * has one too, which is that of the scope without a prefix. A record that ends after the longest ttl is an operator's word for all scopes.
 *
 * born, when the record was written by a server before this one, or by the master of this replica: now. When there is none: now,
 * unless no client can have used the scope before. That is so where the node's own record is there, and the scope is not among those
 * that were heard of in the last day, or when the server has neither run this script before nor been told to forget keys; it is then
 * as old as its server (uptime is cut to whole seconds). A client that has known an earlier record knows that the node has lost it:
 * the node is born when this one was made, or later.
 *
 * What is granted when. A lease of T ms is granted at the age of T, and at the longest ttl that the node was told of by a client
 * that knew the node before it was born: to sit out. Claim: by then every lease of the lock that the node has forgotten has ended.
 * Such a lease was granted before `born` for T' ms, so it has ended at the age of T'. If T' <= T, that is over. If T' > T, the
 * lock has different ttls. The client that asked for T' had told the node before, so all clients that were granted a lock after that
 * had read it, and its holder knows it: the first of them to come back while the node is younger than T' makes all wait for T'. So two
 * holders are possible only where the ttl of a lock differs between replicas, and no client that knew the longer one reaches the node
 * again before the age of the shorter one. maxTtl on every replica rules that out: each waits for it. And a client with a longer ttl
 * that no other client knew stops no lock of others.
 *
 * Scopes of which one begins with the other may have locks in common, so they tell each other; other scopes say nothing. The
 * node's own record has no list as long as no client uses it for all keys.
 * A list of nodes that is not ours is replaced when no client with that list has been heard of for two longest ttls.
 *
 * KEYS: record of the node, record of the scope, prefixes by when they were heard of. ARGV: our list of nodes, our longest ttl in ms,
 * '1' when the node never forgets a write or '', shortest ttl of a record in ms, scope, the run_id of the record that we knew or '',
 * when that was made, the longest ttl that it told of, '1' when the server has not run this script before or '', '1' to write nothing
 * or ''. Reply: { 1, now, record } · { 0, now, the other list of nodes, its scope }.
 */
const syncScript = (purpose: string): string => `-- ${purpose}
local time = redis.call('time')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local info = redis.call('info', 'server')
local run = string.match(info, 'run_id:(%w+)')
local day = tonumber(ARGV[4])
local record = redis.call('get', KEYS[2]) or ''
local recorded, list, born, longest = string.match(record, '^(%w+) (%S+) (%d+) (%d+)')
local sat, made = string.match(record, '^%w+ %S+ %d+ %d+ (%d+) (%d+)$')
local before = tonumber(longest or 0)
born, sat, made = tonumber(born or 0), tonumber(sat or 0), tonumber(made or 0)
local node = redis.call('get', KEYS[1]) or ''
local noderun, nodeborn = string.match(node, '^(%w+) %S+ (%d+) %d+')
local nodemade = tonumber(string.match(node, '^%w+ %S+ %d+ %d+ %d+ (%d+)$') or 0)
local kept = ARGV[3] ~= ''
if recorded ~= run then
  made = now
  if kept then
    born = math.min(born, now)
  elseif recorded then
    sat = math.max(before, born + sat - now)
    born = now
  elseif redis.call('zscore', KEYS[3], ARGV[5]) then
    born = now
  elseif noderun == run then
    born = tonumber(nodeborn)
    made = nodemade > 0 and now or 0
  else
    local stats = redis.call('info', 'commandstats')
    local emptied = string.find(stats, 'cmdstat_flush') or string.find(stats, 'cmdstat_swapdb')
    if noderun or emptied or ARGV[9] == '' then
      born = now
    else
      born = now - 1000 * (string.match(info, 'uptime_in_seconds:(%d+)') - 1)
    end
  end
end
if ARGV[6] ~= '' and not kept and (ARGV[6] ~= run or made > tonumber(ARGV[7])) then
  born = math.max(born, made)
  sat = math.max(sat, tonumber(ARGV[8]))
end
born = math.min(born, now)
longest = math.max(tonumber(ARGV[2]), before)
if list and list ~= '-' and list ~= ARGV[1] then
  if math.max(day, 3 * before) - redis.call('pttl', KEYS[2]) < 2 * longest then
    return { 0, now * 1000, list, ARGV[5] }
  end
end
local scopes = redis.call('zrange', KEYS[3], 0, -1)
local told = {}
for i = 0, #scopes do
  local other = scopes[i] or ''
  local common = string.find(other, ARGV[5], 1, true) == 1 or string.find(ARGV[5], other, 1, true) == 1
  local key = KEYS[1]
  if other ~= '' then
    key = key .. ':' .. other
  end
  local theirs = common and key ~= KEYS[2] and redis.call('get', key) or ''
  local itsrun, itslist, itsborn, itslongest = string.match(theirs, '^(%w+) (%S+) (%d+) (%d+)')
  if itsrun and itslist ~= '-' then
    local itssat, itsmade = string.match(theirs, '^%w+ %S+ %d+ %d+ (%d+) (%d+)$')
    local left = redis.call('pttl', key)
    itsborn, itslongest, itssat = tonumber(itsborn), tonumber(itslongest), tonumber(itssat or 0)
    if itslist ~= ARGV[1] then
      if math.max(day, 3 * itslongest) - left < 2 * math.max(longest, itslongest) then
        return { 0, now * 1000, itslist, other }
      end
    end
    if itsrun == run then
      sat = math.max(sat, itsborn + itssat - born)
      longest = math.max(longest, itslongest)
      told[#told + 1] = { key, itslist, itsborn, itslongest, itssat, itsmade or '0', left }
    end
  end
end
record = string.format('%s %s %.0f %.0f %.0f %.0f', run, ARGV[1], born, longest, sat, made)
if ARGV[10] ~= '' then
  return { 1, now * 1000, record }
end
redis.call('pexpire', KEYS[2], day)
for i = 1, #told do
  local it = told[i]
  local itssat = math.max(it[5], born + sat - it[3])
  if it[4] < longest or it[5] < itssat then
    local text = string.format('%s %s %.0f %.0f %.0f %s', run, it[2], it[3], longest, itssat, it[6])
    redis.call('set', it[1], text, 'PX', it[7] > 0 and it[7] or day)
  end
end
if KEYS[1] ~= KEYS[2] then
  if noderun ~= run then
    redis.call('set', KEYS[1], string.format('%s - %.0f 0 0 %.0f', run, born, made), 'PX', day)
  else
    redis.call('pexpire', KEYS[1], math.max(day, redis.call('pttl', KEYS[1])))
  end
end
redis.call('set', KEYS[2], record, 'PX', string.format('%.0f', math.max(day, 3 * longest)))
if ARGV[5] ~= '' then
  redis.call('zadd', KEYS[3], now, ARGV[5])
  redis.call('zremrangebyscore', KEYS[3], '-inf', now - day)
  redis.call('pexpire', KEYS[3], day)
end
return { 1, now * 1000, record }
`;

export const SYNC = new Script(syncScript('Syncs'));

/** The same for a client that only looks. It is a separate script, because a run of SYNC marks the node as used. */
export const LOOK = new Script(syncScript('Looks'));
