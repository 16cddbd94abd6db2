import { hash } from 'node:crypto';
import { accessSync, constants, mkdirSync, type Stats, statfsSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { BackendUnavailableError } from '../../../errors.js';
import { Memo } from '../../../common/memo.js';
import { checkFormat } from './directory-format.js';
import { type Deciding, type Place, placeOf } from './place.js';
import { perUserDirectory } from './user-directory.js';
import {
  directoryProblem,
  foreignDirectory,
  type Found,
  isSame,
  look,
  type NativeLock,
  nothingThere,
  unusableDirectory,
} from '../kernel/index.js';

/** Magic numbers of Linux' statfs(2) for file systems whose locks may not reach other machines. */
const NETWORK_FILE_SYSTEMS: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xfe534d42, 'SMB2'],
  [0xff534d42, 'CIFS'],
]);

const FOLDERS = ['locks', 'records', 'instances', 'queues'] as const;

/** How many paths are cached: each takes a hash to make. */
const MOST_KEPT = 256;

/** How many hexadecimal digits of a lock's file name choose the folder of its tickets. */
const BUCKET = 2;

/** Owner and permissions of a directory. */
type Access = Pick<Found, 'uid' | 'mode'>;

/** It changes its time when anything is put into the directory, moved or removed. */
type Top = Pick<Stats, 'uid' | 'mode' | 'mtimeMs'>;

/** The directory of the file back end: its owner, and the places of its files. */
export class StateDirectory {
  readonly path: string;
  readonly #folders: Readonly<Record<(typeof FOLDERS)[number], string>>;
  readonly #lockFiles = new Memo((name) => `${this.locks}/${fileName(name)}`, MOST_KEPT);
  /** The folders that decide who holds a lock, at the last look. */
  #deciding?: Deciding;
  /** The directory itself, or the one that its link leads to, before the same look. */
  #top?: Top;

  /** @param directory undefined for the directory of this user, as defined by the XDG base directory specification */
  constructor(directory: string | undefined) {
    this.path = directory === undefined ? perUserDirectory() : resolve(directory);
    const at = (folder: string): string => join(this.path, folder);
    this.#folders = {
      locks: at('locks'),
      records: at('records'),
      instances: at('instances'),
      queues: at('queues'),
    };
  }

  lock(name: string): string {
    return this.#lockFiles.of(name);
  }

  get locks(): string {
    return this.#folders.locks;
  }

  /** The largest fencing token of the lock files that were removed. */
  get tokens(): string {
    return join(this.path, 'tokens');
  }

  record(space: string, key: string): string {
    return `${this.records}/${this.recordPrefix(space)}${fileName(key)}`;
  }

  /** The prefix of the file names of one space. */
  recordPrefix(space: string): string {
    return `${fileName(space)}-`;
  }

  /** The folder of the tickets of a lock's waiters, and the prefix of their file names. */
  queue(name: string): { readonly folder: string; readonly stem: string } {
    const stem = fileName(name);
    return { folder: `${this.queuesFolder}/${stem.slice(0, BUCKET)}`, stem };
  }

  /** Holds the folders of tickets: few enough to keep for good, and enough that each one is short. */
  get queuesFolder(): string {
    return this.#folders.queues;
  }

  get records(): string {
    return this.#folders.records;
  }

  get instancesFolder(): string {
    return this.#folders.instances;
  }

  /** @throws BackendUnavailableError when there is no such directory */
  mustExist(): void {
    if (!statSync(this.path, { throwIfNoEntry: false })) throw nothingThere(this.path);
  }

  /** Creates the missing folders, and refuses a directory that is not safe to use. */
  prepare(native: NativeLock, warn: (message: string) => void): Promise<void> {
    return this.#guard(async () => {
      makeDirectory(this.path);
      this.#checkOwner();
      await checkFormat(this.path, native);
      for (const folder of FOLDERS) {
        this.#refuseLink(folder);
        makeDirectory(join(this.path, folder));
      }
      this.inspect();
      const network = NETWORK_FILE_SYSTEMS.get(statfsSync(this.path).type >>> 0);
      if (network) {
        warn(
          `the directory ${this.path} of the file back end is on ${network}: locks there may not exclude other ` +
            'machines, and may not end with their process; use a local directory, or Redis for several machines',
        );
      }
    });
  }

  /**
   * Whether the folder of locks, its access and that of the directory are as at the last look, and no other folder was put into the
   * directory since. Costs two system calls.
   */
  isAsBefore(): boolean {
    const [then, now] = [this.#deciding?.locks, look(this.locks)];
    if (!now || !then || !isSame(now, then) || !isOpenAs(now, then)) return false;
    const [before, top] = [this.#top, statSync(this.path, { throwIfNoEntry: false })];
    return (
      top !== undefined && before !== undefined && isOpenAs(top, before) && top.mtimeMs === before.mtimeMs
    );
  }

  /** What decided who holds a lock at the last look. */
  get place(): Place {
    if (!this.#deciding) throw new Error('the directory was not inspected yet');
    return placeOf(this.#deciding);
  }

  /**
   * Looks at the directory and its folders as they are now.
   * @throws BackendUnavailableError when they must not be used
   */
  inspect(): void {
    const top = this.#checkOwner();
    const seen = {} as Record<(typeof FOLDERS)[number], Found>;
    for (const folder of FOLDERS) {
      const found = this.#refuseLink(folder);
      if (!found) throw unusableDirectory(this.path, { reason: `its folder ${folder} is gone` });
      this.#checkAccess(join(this.path, folder), Number(found.uid), Number(found.mode));
      seen[folder] = found;
    }
    this.#deciding = seen;
    this.#top = top;
  }

  /** A link may be turned, and then leads other processes to other locks. Only the directory itself may be one: all folders turn with it. */
  #refuseLink(folder: string): Found | undefined {
    const found = look(join(this.path, folder));
    if (found?.isSymbolicLink()) {
      throw unusableDirectory(this.path, {
        reason: `its folder ${folder} is a symbolic link`,
        advice: 'stop all its processes and put a real folder there (the directory as a whole may be a link)',
      });
    }
    return found;
  }

  #checkOwner(): Top {
    const { uid, mode, mtimeMs } = statSync(this.path);
    this.#checkAccess(this.path, uid, mode);
    return { uid, mode, mtimeMs };
  }

  #checkAccess(path: string, owner: number, mode: number): void {
    const user = process.geteuid?.();
    if (user !== undefined && owner !== user) {
      throw foreignDirectory(path, owner, user, path === this.path && isWritable(path));
    }
    if ((mode & 0o022) !== 0) {
      const octal = (mode & 0o7777).toString(8).padStart(4, '0');
      throw unusableDirectory(path, {
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
 * Creates a directory and its parents, for this user alone.
 *
 * It does not use the recursive option of Node: where a file system answers ENOENT to every mkdir (/proc does), that option never
 * returns.
 */
function makeDirectory(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  const parent = dirname(path);
  if (parent !== path) makeDirectory(parent);
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    // Another process may have made it just now.
    if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw error;
  }
}

/** Names come from outside: used as they are, `..` or a slash would lead out of the directory. */
function fileName(name: string): string {
  return hash('sha256', name, 'hex');
}

function isOpenAs(one: Access, other: Access): boolean {
  return one.mode === other.mode && one.uid === other.uid;
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    // This is the answer, not a failure.
    return false;
  }
}
