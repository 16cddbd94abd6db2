import { TRUSTED_MS } from '../../driver.js';
import { TURN_CHANNEL } from './keys.js';
import { Script } from './script.js';

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

/**
 * How long a waiter has the lock that was granted to it before it has to ask for the whole ttl, ms: long enough for the
 * message to reach it and for the work of most, short enough when it is dead.
 */
export const SHORT_GRANT = 700;

/** Has the key of a lock that was broken, until its holder acts on it no more. No id is like it. */
export const BROKEN = 'broken';

/** How long a queue outlives the last sign of those in it, ms. */
export const QUEUE_TTL = 60_000;

/*
 * The key is Redlock's: a plain string that holds its holder's id, with a ttl. Any other Redlock client can hold
 * and respect the same locks. Times of a node are µs since 1970, as TIME tells them; they stay exact, below 2^53.
 *
 * Beside the key stand those who wait for it: their ids in a sorted set, by the order in which they came, and in another
 * one their processes, by the time until which each is believed to be alive, in ms of the node's time. An id begins with
 * its process. The queue only says who is next: whatever happens to it, the key has one holder. Both sets expire.
 *
 * While a slot of a Cluster is on its way to another server, a script runs where all its keys are, and is refused where some are
 * missing. It stops in the midst where one goes missing meanwhile, as after DEL. So nothing is deleted that is needed later in the
 * same script, and each script has another one for its first key alone, which always runs.
 *
 * A Redis that is full (maxmemory, noeviction) refuses what needs memory, but not in a script that has written already. What a
 * held lease and its waiters need therefore begins with a write that needs none: PEXPIRE, ZREM or DEL.
 */

/**
 * While there is no holder: grants the key, for a short time, to the first waiter whose process is alive, and tells it so
 * and what time it is. Needs the locals `holder` and `now`; sets `holder`.
 *
 * On a Cluster PUBLISH goes to every node, so there it is only what is left when nobody has heard SPUBLISH: Redis is older
 * than 7, or one of the users may not do it. A channel of the lock's slot has a hash tag, and no other one has.
 */
const grantNext = (key: string, queue: string, waiters: string, channel: string): string => `
while not holder do
  local first = redis.call('zrange', ${queue}, 0, 0)[1]
  if not first then
    break
  end
  redis.call('zrem', ${queue}, first)
  local process = string.match(first, '^%w+')
  if tonumber(redis.call('zscore', ${waiters}, process) or 0) * 1000 >= now then
    redis.call('set', ${key}, first, 'PX', ${SHORT_GRANT})
    local turn, message = (${channel} or '${TURN_CHANNEL}') .. process, string.format('%s %.0f', first, now)
    local heard = string.find(turn, '{', 1, true) and redis.pcall('spublish', turn, message)
    if type(heard) ~= 'number' or heard == 0 then
      redis.call('publish', turn, message)
    end
    holder = first
  end
end`;

/** Keeps the sets of those who wait, and believes a process to be there for so long. Needs the local `now`. */
const keepWaiting = (queue: string, waiters: string, process: string, alive: string): string => `
local ms = math.floor(now / 1000)
redis.call('zadd', ${waiters}, ms + ${alive}, ${process})
redis.call('zremrangebyscore', ${waiters}, '-inf', ms - ${QUEUE_TTL})
redis.call('pexpire', ${queue}, ${QUEUE_TTL})
redis.call('pexpire', ${waiters}, ${QUEUE_TTL})`;

/** Needs the locals `now` and `hint`; sets `token`. */
const nextToken = (counter: string, count: string): string => `
local last = redis.call('get', ${counter}) or 0
local token = math.max(last + 1, math.min(hint, now + ${FENCING_CAP_US})) + ${count} - 1
redis.call('set', ${counter}, string.format('%.0f', token), 'PX', ${FENCING_COUNTER_TTL})`;

/**
 * Takes the key, or renews it when it is ours already. When it is not to be had, and if so asked, enters its queue.
 *
 * Nobody takes a free key before those who wait. An id that has been granted the key, or takes it, is in the queue no more.
 *
 * The token is max(counter + 1, min(hint, the node's time + cap)): one hint for all nodes makes their tokens equal nearly
 * always, and no clock is used while the counters are ahead of it. A node's time is a limit and never a source: a node
 * whose clock is wrong would give tokens that no other node can follow once it has lost them. Where several are reserved
 * the counter is the last of them.
 *
 * What most acquisitions need comes first and is all that they send: each argument costs, and so does a table in the reply.
 *
 * KEYS: key, node record, queue, waiters, fencing counter. ARGV: id, ttl in ms, the last moment to do it in ms of the
 * node's time or '', what the node record has to say or '', for how many ms we are alive as a waiter or '' when we do not
 * wait; then, if need be, an earlier id of ours that the key may hold or '', hint for the token in µs or '' for no token,
 * how many tokens, channel of turns where it is not the usual one.
 * Alone, it takes the key without the tokens, and lines nobody up.
 * Reply: now, taken · { 1, now, last token } taken · { 0, now, pttl, holder's id } somebody else holds it · { 2, now } it is
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
if redis.call('exists', KEYS[1], KEYS[3]) > 0 then
  local holder = redis.call('get', KEYS[1])${grantNext('KEYS[1]', 'KEYS[3]', 'KEYS[4]', 'ARGV[9]')}
  if holder and holder ~= ARGV[1] and holder ~= ARGV[6] then
    if ARGV[5] ~= '' then
      if not redis.call('zscore', KEYS[3], ARGV[1]) then
        local last = redis.call('zrange', KEYS[3], -1, -1, 'WITHSCORES')[2] or 0
        redis.call('zadd', KEYS[3], last + 1, ARGV[1])
      end${keepWaiting('KEYS[3]', 'KEYS[4]', "string.match(ARGV[1], '^%w+')", 'ARGV[5]')}
    end
    return { 0, now, redis.call('pttl', KEYS[1]), holder }
  end
  if holder then
    redis.call('pexpire', KEYS[1], ARGV[2])
  end
end
redis.call('set', KEYS[1], ARGV[1], 'PX', ARGV[2])
local hint = tonumber(ARGV[7])
if not hint then
  return now
end
${nextToken('KEYS[5]', 'ARGV[8]')}
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

/**
 * Counts the tokens of a lease whose key was taken alone. One that comes late only leaves some of them out.
 * KEYS: fencing counter. ARGV: hint for the token in µs, how many tokens. Reply: the last of them.
 */
export const COUNT = new Script(`
local time = redis.call('time')
local now = time[1] * 1000000 + time[2]
local hint = tonumber(ARGV[1])
${nextToken('KEYS[1]', 'ARGV[2]')}
return token
`);

/**
 * Enters the queue of a lock, in this order, ids of a process that have never been there; a free one is granted to the next.
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
local last = tonumber(redis.call('zrange', KEYS[3], -1, -1, 'WITHSCORES')[2] or 0)
for at = 5, #ARGV do
  last = last + 1
  redis.call('zadd', KEYS[3], last, ARGV[at])
end${keepWaiting('KEYS[3]', 'KEYS[4]', "string.match(ARGV[5], '^%w+')", 'ARGV[3]')}
local holder = redis.call('get', KEYS[1])${grantNext('KEYS[1]', 'KEYS[3]', 'KEYS[4]', 'ARGV[4]')}
return { 1, now, redis.call('pttl', KEYS[1]), holder or '' }
`);

/**
 * Says that a process is still there, and looks at the locks that it waits for; a free one is granted to the next. Lines
 * nobody up.
 *
 * KEYS: node record, then for each lock its key, queue and waiters. ARGV: process, for how many ms it is alive, what the
 * node record has to say or '', channel of turns, then for each lock how many ids of the process are looked at, and these ids.
 * Reply: { 3, now } the node record says something else · { 1, now, lock … }, each lock { holder's id or '', pttl, those of
 * the ids that are not in the queue … }. Alone, with the lock's key as its first one: { 4, 0, lock }, of whose queue nothing is
 * known.
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
for lock = 2, #KEYS, 3 do
  redis.call('pexpire', KEYS[lock + 1], ${QUEUE_TTL})
  redis.call('zadd', KEYS[lock + 2], ms + ARGV[2], ARGV[1])
  redis.call('pexpire', KEYS[lock + 2], ${QUEUE_TTL})
  local holder = redis.call('get', KEYS[lock])${grantNext('KEYS[lock]', 'KEYS[lock + 1]', 'KEYS[lock + 2]', 'ARGV[4]')}
  local seen = { holder or '', redis.call('pttl', KEYS[lock]) }
  for waiter = at + 1, at + ARGV[at] do
    if not redis.call('zscore', KEYS[lock + 1], ARGV[waiter]) then
      seen[#seen + 1] = ARGV[waiter]
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

/** As GET, at the master: a Cluster client may be set to send GET to a replica. KEYS: key. Reply: its holder's id, if any. */
export const HOLDER = new Script("return redis.call('get', KEYS[1])");

/**
 * Raises the fencing counter to the token that a quorum will have, while the key is ours.
 * KEYS: key, fencing counter. ARGV: id, token. Reply: the counter now, or 0 when the key is not ours.
 */
export const CONFIRM = new Script(`
if redis.call('get', KEYS[1]) ~= ARGV[1] then
  return 0
end
local token = math.max(tonumber(redis.call('get', KEYS[2]) or 0), tonumber(ARGV[2]))
redis.call('pexpire', KEYS[2], ${FENCING_COUNTER_TTL})
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
    holder = redis.pcall('pexpire', KEYS[i], ARGV[1])
    status = 1
  end
  reply[i + 1] = type(holder) == 'table' and holder.err or status
end
return reply
`);

/**
 * Gives leases that a quorum has, and this node has not, their keys here where they are free; the fencing counter is raised as by
 * CONFIRM. A lease of somebody else stays.
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
  if not holder then
    redis.call('set', KEYS[i], id, 'PX', ARGV[3])
    holder = id
  end
  if holder == id and last then
    local token = math.max(tonumber(redis.call('get', KEYS[i + 1]) or 0), last)
    redis.call('set', KEYS[i + 1], string.format('%.0f', token), 'PX', ${FENCING_COUNTER_TTL})
  end
  reply[#reply + 1] = holder == id and 1 or 0
end
return reply
`);

/**
 * Frees the key if it is ours, and grants it to the next waiter; otherwise leaves the queue. Repeatable.
 *
 * A node that has restarted grants nothing before its time, not to a waiter either: only who knows its record may grant.
 *
 * KEYS: key, node record, queue, waiters. ARGV: id, what the node record has to say or '', channel of turns where it is not
 * the usual one. Reply: 1, or 0 when it was not ours; alone -1, as
 * it may be in the queue still.
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

/** Leaves the queue of a lock, where {@link RELEASE} did so much for the key alone. KEYS: queue. ARGV: id. */
export const LEAVE = new Script("return redis.call('zrem', KEYS[1], ARGV[1])");

/**
 * Takes the key away from a holder, and keeps everybody else off it while that one may still act on an earlier answer, but for no
 * longer than the holder would have had it. Those who wait look at it when it ends.
 *
 * KEYS: key. ARGV: the holder's id. Reply: for how many ms nobody gets the key, or 0 when it was not that one's.
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

/**
 * Gives the key back, and keeps everybody else off it for a while. The waiters look at it when that ends.
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
 * Reads what a node knows of itself, for the locks of one scope (a prefix), and writes it where something has changed.
 *
 * A node that restarted or was emptied may have forgotten leases that are still held. It keeps in mind itself since when it
 * remembers every lease: a client may be newer than that. A record is
 * '<run_id> <list of nodes> <born in ms> <longest ttl in ms> <to sit out, in ms> <made in ms>'. Each scope has one, and the node
 * has one, which is that of the scope without a prefix too. One that ends after the longest ttl is an operator's word for all scopes.
 *
 * born, when the record was written by a server before this one, or by the master of this replica: now. When there is none: now,
 * unless nobody can have used the scope before. That is so where the node's own record is there, and the scope is not among those
 * that were heard of in the last day, or when the server has neither run this script before nor been told to forget keys; it is then
 * as old as its server (uptime is cut to whole seconds). A client that has known an earlier record knows that the node has lost it:
 * the node is born when this one was made, or later.
 *
 * What is granted when. A lease of T ms is granted at the age of T, and at the longest ttl that a client has told us of who knew
 * the node before it was born: to sit out. Claim: by then every lease of the lock that the node has forgotten has ended.
 * Such a lease was granted before `born` for T' ms, so it has ended at the age of T'. If T' <= T, that is over. If T' > T, the
 * lock has different ttls. Who asked for T' had told the node before, so all who were granted a lock after that had read it, and
 * its holder knows it: the first of them to come back while the node is younger than T' makes all wait for T'. So two holders are
 * possible only where the ttl of a lock differs between replicas, and none who knew the longer one reaches the node again before the
 * age of the shorter one. maxTtl on every replica rules that out: each waits for it. And whoever comes with a longer ttl that nobody
 * knew stops no lock of others.
 *
 * Scopes of which one begins with the other may have locks in common, so they tell each other; those of others say nothing. The
 * node's own record has no list as long as nobody uses it for all keys.
 * A list of nodes that is not ours is replaced when nobody who uses it has been heard of for two longest ttls.
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

/** The same for who only looks. A script of its own: that the other one has been run says that the node has been used. */
export const LOOK = new Script(syncScript('Looks'));
