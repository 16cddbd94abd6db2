import type { Found } from '../kernel/index.js';

/** The folders that decide who holds a lock: with its file, with its shares, and with the processes that have these. */
const DECIDING = ['locks', 'queues', 'instances'] as const;

/** Those folders, as they were at one look. */
export type Deciding = Readonly<Record<(typeof DECIDING)[number], Found>>;

/** Identifies those folders whatever their paths, for comparing. On another device the kernel's locks are others too. */
export type Place = Readonly<Record<(typeof DECIDING)[number], string>>;

export function placeOf({ locks, queues, instances }: Deciding): Place {
  return { locks: identityOf(locks), queues: identityOf(queues), instances: identityOf(instances) };
}

export function isSamePlace(one: Place, other: Place): boolean {
  return DECIDING.every((folder) => one[folder] === other[folder]);
}

function identityOf({ dev, ino }: Found): string {
  return `${dev}:${ino}`;
}
