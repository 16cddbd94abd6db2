import { createHash } from 'node:crypto';
import { shown } from '../../../common/checks.js';
import { InvalidOptionsError } from '../../../errors.js';
import { digitsInSlotOf } from './cluster-slot.js';
import { quoted } from '../../../common/quoted.js';

/** How all keys of this package begin, unless an application makes the keys of its locks itself. */
const OURS = 'coordination:';

/** How the keys of locks begin among them. */
export const OUR_LOCKS = `${OURS}lock:`;

/**
 * A key that is longer is not repeated beside itself, where it would stay for as long as a fencing counter does. Whoever makes the
 * names of locks would fill Redis with it.
 */
const LONGEST = 100;

/** Where one process is told that it is its turn; followed by the process. */
export const TURN_CHANNEL = 'coordination:turn:';

/** The same on a Cluster, in the slot of the lock's key, so that its node can tell it without all others. */
export function shardedTurnChannel(key: string): string {
  return `${TURN_CHANNEL}{${tagFor(key)}}:`;
}

export function lockKeyOf(name: string): string {
  return OUR_LOCKS + name;
}

/**
 * The keys that an application makes of its names.
 * @throws InvalidOptionsError for what is no key
 */
export function checkedKeys(keyOf: (name: string) => string): typeof lockKeyOf {
  return (name) => {
    const key: unknown = keyOf(name);
    if (typeof key !== 'string' || key === '') {
      throw new InvalidOptionsError(
        `Lock ${quoted(name)}: redis.lockKey must return the key, a text that is not empty, and returned ${shown(key)}`,
      );
    }
    // The queue or the counter of another lock may be there.
    if (key.startsWith(OURS) && !key.startsWith(OUR_LOCKS)) {
      throw new InvalidOptionsError(
        `Lock ${quoted(name)}: redis.lockKey returned ${shown(key)}, and keys that begin with "${OURS}" belong to this package; return one that begins with something else, or with "${OUR_LOCKS}"`,
      );
    }
    return key;
  };
}

/** All that belongs to one space of records is in one slot of a Cluster. */
export function recordKeyOf(space: string, key: string): string {
  return `${OURS}record:{${space}}:${key}`;
}

/** The keys of the records of a space, by the time at which they expire. */
export function recordIndexOf(space: string): string {
  return `${OURS}records:{${space}}`;
}

/** Where it is told that a record of the space has changed. */
export function recordChannelOf(space: string): string {
  return `${OURS}changed:{${space}}`;
}

/** Where a lock's fencing tokens are counted. */
export function counterOf(key: string, place = besideOf(key)): string {
  return `${OURS}fence:${place}`;
}

/** The waiters for a lock: ids by the order of their arrival. */
export function queueOf(key: string, place = besideOf(key)): string {
  return `${OURS}queue:${place}`;
}

/** Until when each of those that share a lock has its share. */
export function sharersOf(key: string, place = besideOf(key)): string {
  return `${OURS}sharers:${place}`;
}

/** Until when the processes that wait for a lock are believed to be alive. */
export function waitersOf(key: string, place = besideOf(key)): string {
  return `${OURS}waiters:${place}`;
}

/**
 * A key of its own for each lock's key, in the same slot of a Cluster.
 *
 * What stands in the first braces gives the slot. The lock's key follows them, unless it is what stands in them: then it has
 * no closing brace, and the key ends with the first one. So the lock's key can be read off, and two locks share no key. For a long
 * one stands its digest, which has no braces, and so is no lock's key that stands there.
 */
export function besideOf(key: string): string {
  if (key.length > LONGEST) return `{${digitsInSlotOf(hashTagOf(key))}}${digestOf(key)}`;
  const tag = tagFor(key);
  return tag === key ? `{${tag}}` : `{${tag}}${key}`;
}

function digestOf(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

/** What stands in the braces of a key in the slot of this one; it has no closing brace. */
function tagFor(key: string): string {
  const tag = hashTagOf(key);
  return tag.includes('}') || tag.length > LONGEST ? digitsInSlotOf(tag) : tag;
}

/**
 * What a Cluster hashes of a key: what stands in its first braces, or the whole key where they are empty or missing.
 * https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags
 */
export function hashTagOf(key: string): string {
  if (!key.includes('{')) return key;
  return /^[^{]*\{([^}]+)\}/.exec(key)?.[1] ?? key;
}
