import { hash } from 'node:crypto';
import { mkdirSync, statfsSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { BackendUnavailableError } from '../../errors.js';
import { checkFormat } from './directory-format.js';
import { directoryProblem, unusableDirectory } from './file.messages.js';
import type { NativeLock } from './native-lock.js';

/** Magic numbers of Linux' statfs(2) for file systems whose locks may stay on one machine. */
const NETWORK_FILE_SYSTEMS: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xfe534d42, 'SMB2'],
  [0xff534d42, 'CIFS'],
]);

/** How many hexadecimal digits of a lock's file name give the folder of its tickets. */
const BUCKET = 2;

/** The directory of the file back end: whose it is, and where things lie in it. */
export class StateDirectory {
  readonly path: string;

  /** @param directory undefined for the directory of this user, as the XDG base directory specification has it. */
  constructor(directory: string | undefined) {
    this.path = directory === undefined ? perUserDirectory() : resolve(directory);
  }

  lock(name: string): string {
    return `${this.path}/locks/${fileName(name)}`;
  }

  member(memberId: string): string {
    return `${this.path}/members/${fileName(memberId)}`;
  }

  /** Where the tickets of those who wait for a lock lie, and how the names of their files begin. */
  queue(name: string): { readonly folder: string; readonly stem: string } {
    const stem = fileName(name);
    return { folder: `${this.queues}/${stem.slice(0, BUCKET)}`, stem };
  }

  /** Folders of tickets: few enough to be kept, and enough for each to be short. */
  get queues(): string {
    return join(this.path, 'queues');
  }

  get members(): string {
    return join(this.path, 'members');
  }

  get instances(): string {
    return join(this.path, 'instances');
  }

  /** Creates what is missing, and refuses what is not safe to use. */
  prepare(native: NativeLock, warn: (message: string) => void): Promise<void> {
    return this.#guard(async () => {
      makeDirectory(this.path);
      this.#checkOwner();
      await checkFormat(this.path, native);
      for (const folder of ['locks', 'members', 'instances', 'queues']) {
        makeDirectory(join(this.path, folder));
      }
      const network = NETWORK_FILE_SYSTEMS.get(statfsSync(this.path).type >>> 0);
      if (network) {
        warn(
          `the directory ${this.path} of the file back end is on ${network}: locks there may not exclude other ` +
            'machines, and may not end with their process; use a local directory, or Redis for several machines',
        );
      }
    });
  }

  #checkOwner(): void {
    const { uid, mode } = statSync(this.path);
    const user = process.geteuid?.();
    if (user !== undefined && uid !== user) {
      throw unusableDirectory(this.path, {
        reason: `it belongs to user ${uid}, and this process runs as user ${user}`,
        advice: 'run all its processes as one user, to whom it belongs',
      });
    }
    if ((mode & 0o022) !== 0) {
      const octal = (mode & 0o7777).toString(8).padStart(4, '0');
      throw unusableDirectory(this.path, {
        reason: `others can write to it (mode ${octal})`,
        advice: 'make it writable for this user alone (chmod go-w)',
      });
    }
  }

  async #guard(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (error instanceof BackendUnavailableError) throw error;
      throw unusableDirectory(this.path, directoryProblem(error));
    }
  }
}

/**
 * Creates a directory and those above it, for this user alone.
 *
 * Not by the recursive option of Node: where a file system answers ENOENT to every mkdir (/proc does), that one never
 * comes back.
 */
function makeDirectory(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  const parent = dirname(path);
  if (parent !== path) makeDirectory(parent);
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    // Somebody else was quicker.
    if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw error;
  }
}

/** Names come from outside: as they are, `..` or a slash would lead out of the directory. */
function fileName(name: string): string {
  return hash('sha256', name, 'hex');
}

function perUserDirectory(): string {
  const { XDG_STATE_HOME } = process.env;
  // The specification has relative paths ignored.
  const base =
    XDG_STATE_HOME && isAbsolute(XDG_STATE_HOME) ? XDG_STATE_HOME : join(homedir(), '.local', 'state');
  return join(base, 'nestjs-coordination');
}
