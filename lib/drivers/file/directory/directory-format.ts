import { closeSync, constants, existsSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { LOCK_MECHANISM, type NativeLock, shorten, unusableDirectory } from '../kernel/index.js';

/** Raised with every change after which old and new processes would not understand each other. */
const VERSION = 3;
const EXPECTED = { locks: LOCK_MECHANISM, version: VERSION };

const FORMAT_FILE = 'format.json';

/** Entries that may be there without the format file: ours, when an operator restored a part; and those of a new file system. */
const HARMLESS = new Set(['locks', 'records', 'instances', 'queues', 'tokens', 'lost+found']);

/** How long to wait for the file, ms: another process needs microseconds to write it, and one that was stopped must not block this one. */
const LONGEST_WAIT = 1000;
const PAUSE = 5;

/**
 * Writes down how locks are kept in this directory, or checks what is written there.
 *
 * Two mechanisms do not see each other's locks (flock(1) succeeds while an open-file lock is held), so processes that
 * use different ones must not share a directory.
 */
export async function checkFormat(directory: string, native: NativeLock): Promise<void> {
  const path = join(directory, FORMAT_FILE);
  refuseForeign(directory, path);
  const { O_CREAT, O_NOFOLLOW, O_RDWR } = constants;
  const fd = openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
  try {
    for (let left = LONGEST_WAIT / PAUSE; readFileSync(path, 'utf8') === '' && left > 0; left -= 1) {
      // The process that locks the empty file writes it. The file is locked for nothing else.
      if (!native.tryLock(fd)) await after(PAUSE);
      else {
        try {
          if (readFileSync(path, 'utf8') === '') writeSync(fd, `${JSON.stringify(EXPECTED)}\n`, 0);
        } finally {
          native.unlock(fd);
        }
      }
    }
    compare(directory, path, readFileSync(path, 'utf8'));
  } finally {
    closeSync(fd);
  }
}

/** Refuses a directory that is used for something else, above all the root of the file system. */
function refuseForeign(directory: string, formatPath: string): void {
  const found = readdirSync(directory).find((entry) => !HARMLESS.has(entry));
  // Check this after reading the list: our processes make the format file before everything else.
  if (found === undefined || existsSync(formatPath)) return;
  throw unusableDirectory(directory, {
    reason: `it holds other things (${shorten(found)} is one) and no ${FORMAT_FILE} of the file back end`,
    advice: 'empty it',
  });
}

function compare(directory: string, path: string, text: string): void {
  const found = parse(text);
  if (!found) {
    throw unusableDirectory(directory, {
      reason: `${path} does not say how locks are kept there; it may belong to something else`,
    });
  }
  if (found.locks !== EXPECTED.locks || found.version !== EXPECTED.version) {
    throw unusableDirectory(directory, {
      reason:
        `its locks are kept by ${String(found.locks)}, format ${String(found.version)}, ` +
        `and this process keeps them by ${EXPECTED.locks}, format ${EXPECTED.version}, so that they would not exclude each other`,
      advice: 'stop every process that uses it and remove it, if it is of an older version of this package',
    });
  }
}

function parse(text: string): { locks?: unknown; version?: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    // Not JSON: the caller reports what that means.
    return undefined;
  }
}
