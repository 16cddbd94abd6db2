import type { Violation } from './violation.js';

/** Something that is still there when everybody has gone: a key, a file, a socket, a listener. */
export interface Leftover {
  /** For example `key on node 2`. */
  readonly what: string;
  readonly name: string;
  /** When it goes by itself, ms from now; undefined when it stays. */
  readonly ttl?: number;
}

/** Whatever is left and does not go by itself within `longest` ms; `permitted`: what is meant to stay. */
export function judgeLeftovers(
  leftovers: readonly Leftover[],
  longest: number,
  permitted: (leftover: Leftover) => boolean = () => false,
): Violation[] {
  return leftovers
    .filter((leftover) => !permitted(leftover) && !(leftover.ttl !== undefined && leftover.ttl <= longest))
    .map(({ what, name, ttl }) => ({
      judge: 'leftover',
      lock: name,
      message: `${what} "${name}" is left ${ttl === undefined ? 'for ever' : `for ${ttl} ms, longer than ${longest} ms`}`,
    }));
}
