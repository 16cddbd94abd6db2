import { hash } from 'node:crypto';
import { accessSync, constants, mkdirSync, statfsSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { BackendUnavailableError } from '../../../errors.js';
import { Memo } from '../../../common/memo.js';
import { checkFormat } from './directory-format.js';
import {
  directoryProblem,
  foreignDirectory,
  type Found,
  isSame,
  look,
  type NativeLock,
  noHome,
  nothingThere,
  unusableDirectory,
} from '../kernel/index.js';

/** Magic numbers of Linux' statfs(2) for file systems whose locks may stay on one machine. */
const NETWORK_FILE_SYSTEMS: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xfe534d42, 'SMB2'],
  [0xff534d42, 'CIFS'],
]);

const FOLDERS = ['locks', 'records', 'instances', 'queues'] as const;

/** Of so many names the path is kept, which takes a hash to make. */
const MOST_KEPT = 256;

/** How many hexadecimal digits of a lock's file name give the folder of its tickets. */
const BUCKET = 2;

/** Who may do what with a directory. */
type Access = Pick<Found, 'uid' | 'mode'>;

/** The directory of the file back end: whose it is, and where things lie in it. */
export class StateDirectory {
  readonly path: string;
  readonly #locksPath: string;
  readonly #lockFiles = new Memo((name) => `${this.locks}/${fileName(name)}`, MOST_KEPT);
  /** The folder of locks as it was found last. */
  #locks?: Found;
  /** The directory itself, or where its link leads to, as it was found with it. */
  #top?: Access;

  /** @param directory undefined for the directory of this user, as the XDG base directory specification has it. */
  constructor(directory: string | undefined) {
    this.path = directory === undefined ? perUserDirectory() : resolve(directory);
    this.#locksPath = join(this.path, 'locks');
  }

  lock(name: string): string {
    return this.#lockFiles.of(name);
  }

  get locks(): string {
    return this.#locksPath;
  }

  /** The largest fencing token of the lock files that were removed. */
  get tokens(): string {
    return join(this.path, 'tokens');
  }

  record(space: string, key: string): string {
    return `${this.records}/${this.recordPrefix(space)}${fileName(key)}`;
  }

  /** How the names of the files of one space begin. */
  recordPrefix(space: string): string {
    return `${fileName(space)}-`;
  }

  /** Where the tickets of those who wait for a lock lie, and how the names of their files begin. */
  queue(name: string): { readonly folder: string; readonly stem: string } {
    const stem = fileName(name);
    return { folder: `${this.queuesFolder}/${stem.slice(0, BUCKET)}`, stem };
  }

  /** Folders of tickets: few enough to be kept, and enough for each to be short. */
  get queuesFolder(): string {
    return join(this.path, 'queues');
  }

  get records(): string {
    return join(this.path, 'records');
  }

  get instancesFolder(): string {
    return join(this.path, 'instances');
  }

  /** @throws BackendUnavailableError when there is no such directory */
  mustExist(): void {
    if (!statSync(this.path, { throwIfNoEntry: false })) throw nothingThere(this.path);
  }

  /** Creates what is missing, and refuses what is not safe to use. */
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

  /** Whether the folder of locks is the one that was found last, and both it and the directory as they were then: at the cost of two looks. */
  isAsBefore(): boolean {
    const [then, now] = [this.#locks, look(this.locks)];
    if (!now || !then || !isSame(now, then) || !isOpenAs(now, then)) return false;
    const top = statSync(this.path, { throwIfNoEntry: false });
    return top !== undefined && this.#top !== undefined && isOpenAs(top, this.#top);
  }

  /**
   * Which directory the locks were found in last, whatever its path. Where the device differs, so do the kernel's locks.
   */
  get place(): string {
    return this.#locks ? `${this.#locks.dev}:${this.#locks.ino}` : '';
  }

  /**
   * Looks at the directory and its folders as they are now.
   * @throws BackendUnavailableError when they must not be used
   */
  inspect(): void {
    const top = this.#checkOwner();
    let locks: Found | undefined;
    for (const folder of FOLDERS) {
      const found = this.#refuseLink(folder);
      if (!found) throw unusableDirectory(this.path, { reason: `its folder ${folder} is gone` });
      this.#checkAccess(join(this.path, folder), Number(found.uid), Number(found.mode));
      if (folder === 'locks') locks = found;
    }
    this.#locks = locks;
    this.#top = top;
  }

  /** A link may be turned, and then leads others to other locks. The directory itself may be one: they share its turns. */
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

  #checkOwner(): Access {
    const { uid, mode } = statSync(this.path);
    this.#checkAccess(this.path, uid, mode);
    return { uid, mode };
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
    XDG_STATE_HOME && isAbsolute(XDG_STATE_HOME) ? XDG_STATE_HOME : join(homeDirectory(), '.local', 'state');
  return join(base, 'nestjs-coordination');
}

/** HOME, or what the system's table of users says; a container with a user of its own may have neither. */
function homeDirectory(): string {
  try {
    return homedir();
  } catch (error) {
    throw noHome(error);
  }
}

function isOpenAs(one: Access, other: Access): boolean {
  return one.mode === other.mode && one.uid === other.uid;
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    // The answer, and not a failure.
    return false;
  }
}
