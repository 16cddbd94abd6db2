import { type BigIntStats, fstatSync, lstatSync, type Stats } from 'node:fs';

/** Identifies a file or a directory as long as a process has it open, together with its other attributes. */
export type Found = Stats | BigIntStats;

const EXACTLY = { bigint: true, throwIfNoEntry: false } as const;
const QUICKLY = { throwIfNoEntry: false } as const;

/** The file at the path itself; it follows no link there. Undefined when there is nothing. */
export function look(path: string): Found | undefined {
  try {
    const found = lstatSync(path, QUICKLY);
    return found === undefined || isExact(found) ? found : lstatSync(path, EXACTLY);
  } catch (error) {
    // A file stands in the place of a directory above it, or links go round in a circle.
    if (isMissing(error) || isCode(error, 'ELOOP')) return undefined;
    throw error;
  }
}

/** The file that is open. */
export function lookAt(fd: number): Found {
  const found = fstatSync(fd);
  return isExact(found) ? found : fstatSync(fd, { bigint: true });
}

export function isSame(one: Found, other: Found): boolean {
  return one.ino === other.ino && one.dev === other.dev;
}

export function isMissing(error: unknown): boolean {
  return isCode(error, 'ENOENT') || isCode(error, 'ENOTDIR');
}

/** Overlay file systems number their files beyond 2^53, where several become the same number: those need a look with all digits. */
function isExact({ ino, dev }: Stats): boolean {
  return ino <= Number.MAX_SAFE_INTEGER && dev <= Number.MAX_SAFE_INTEGER;
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
