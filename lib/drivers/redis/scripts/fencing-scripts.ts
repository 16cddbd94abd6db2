import { Script } from './script.js';

/**
 * How far a client's clock may push fencing tokens ahead of a node's clock, µs. A clock that is a year ahead would use up a year of
 * tokens. Clients whose clocks are right would then count in single steps behind it.
 */
const FENCING_CAP_US = 60_000_000;

/**
 * How long a fencing counter outlives its last lease, ms. It is longer than the cap and any sane skew of clocks: by then
 * the clocks alone give larger tokens.
 */
export const FENCING_COUNTER_TTL = 3_600_000;

/**
 * The next token; the counter is not moved yet: max(counter + 1, min(hint, the node's time + cap)). All nodes get one hint, so that their
 * tokens are nearly always equal. No clock is used while the counters are ahead of it. A node's time is a limit and never a source: a node
 * with a wrong clock would give tokens that no other node can follow once it has lost them. When several tokens are reserved, the counter
 * is the last of them.
 *
 * A script computes it before it writes anything: the counter's key may hold something else than a number, and a script that fails leaves
 * what it has written.
 *
 * Needs the locals `now`, `hint` and `token`; sets `token`.
 */
export const nextToken = (counter: string, count: string): string => `
token = math.max((redis.call('get', ${counter}) or 0) + 1, math.min(hint, now + ${FENCING_CAP_US})) + ${count} - 1`;

/** Moves the counter to the local `token`. */
export const countTo = (counter: string): string => `
redis.call('set', ${counter}, string.format('%.0f', token), 'PX', ${FENCING_COUNTER_TTL})`;

/**
 * Counts the tokens of a lease whose key was taken by the script's `alone` form. A call that comes late only skips some tokens.
 * KEYS: fencing counter. ARGV: hint for the token in µs, how many tokens. Reply: the last of them.
 */
export const COUNT = new Script(`
local time = redis.call('time')
local now = time[1] * 1000000 + time[2]
local hint = tonumber(ARGV[1])
local token${nextToken('KEYS[1]', 'ARGV[2]')}${countTo('KEYS[1]')}
return token
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
redis.call('pexpire', KEYS[2], ${FENCING_COUNTER_TTL})
redis.call('set', KEYS[2], string.format('%.0f', token), 'PX', ${FENCING_COUNTER_TTL})
return token
`);
