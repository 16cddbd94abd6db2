import { BackendUnavailableError } from '../../../errors.js';
import type { OwnerRecord } from './owner-record.js';

const OPTION = 'backendUrl (COORDINATION_BACKEND_URL)';

/** Why a directory cannot be used, and what would help besides naming another one. */
export interface DirectoryProblem {
  readonly reason: string;
  readonly advice?: string;
  readonly cause?: unknown;
}

export function unusableDirectory(
  directory: string,
  { reason, advice, cause }: DirectoryProblem,
): BackendUnavailableError {
  return new BackendUnavailableError(
    `the file back end cannot use the directory ${directory}: ${reason}; ` +
      `${advice === undefined ? '' : `${advice}, or `}name another one with ${OPTION}, as in file:///var/lib/app/coordination`,
    { cause },
  );
}

/** For a tool that only looks, and creates nothing. */
export function nothingThere(directory: string): BackendUnavailableError {
  return new BackendUnavailableError(
    `there is no directory ${directory}, so no application has coordinated there yet; name another one with ${OPTION}, as in file:///var/lib/app/coordination`,
  );
}

/** Explains an unexpected failure by the system's error code. */
export function directoryProblem(cause: unknown): DirectoryProblem {
  const reason = reasonOf(cause);
  switch (codeOf(cause)) {
    case 'EEXIST':
    case 'ENOTDIR':
      return { reason: `a file is in its way (${reason})`, advice: 'move that file away', cause };
    case 'EACCES':
    case 'EPERM':
      return { reason, advice: `give it to this user${idOf(process.geteuid?.())}`, cause };
    case 'EROFS':
      return { reason, advice: 'mount it for writing', cause };
    case 'EMFILE':
    case 'ENFILE':
    case 'ENOSPC':
    case 'EDQUOT':
      return { reason, advice: wayOutOf(cause), cause };
    default:
      return { reason, cause };
  }
}

export function failedOn(path: string, what: string, cause: unknown): BackendUnavailableError {
  return new BackendUnavailableError(
    `the file back end failed to ${what} at ${path}: ${reasonOf(cause)}; ${wayOutOf(cause)}`,
    { cause },
  );
}

/** What ends a failure of the system, as far as its error code tells. */
function wayOutOf(cause: unknown): string {
  switch (codeOf(cause)) {
    case 'EMFILE':
      return 'this process has as many files open as it may, and every lock that is held takes one: raise its limit (ulimit -n)';
    case 'ENFILE':
      return 'this machine has as many files open as it may: raise its limit (sysctl fs.file-max)';
    case 'ENOSPC':
      return 'that disk has no room or no inodes left: see df -h and df -i';
    case 'EDQUOT':
      return 'the quota of this user is used up on that disk';
    case 'EROFS':
      return 'that file system is mounted for reading only';
    case 'EACCES':
    case 'EPERM':
      return `the directory has to belong to this user${idOf(process.geteuid?.())} and be writable for it`;
    case 'ENOENT':
    case 'ENOTDIR':
      return 'the directory was removed or moved away: put it back, or restart all its processes';
    default:
      return `see to that disk, or choose another directory with ${OPTION}`;
  }
}

function idOf(user: number | undefined): string {
  return user === undefined ? '' : ` (${user})`;
}

function codeOf(cause: unknown): unknown {
  return cause instanceof Error && 'code' in cause ? cause.code : undefined;
}

/** A directory of another user. `writable`: this process may create a directory of its own in it. */
export function foreignDirectory(
  directory: string,
  owner: number,
  user: number,
  writable: boolean,
): BackendUnavailableError {
  return unusableDirectory(directory, {
    reason: `it belongs to user ${owner}, and this process runs as user ${user}`,
    advice: writable
      ? `name a directory in it that is not there yet, which this process then makes for itself, as in file://${directory}/coordination`
      : `give it to the user of these processes (chown ${user} ${directory})`,
  });
}

export function noHome(cause: unknown): BackendUnavailableError {
  return new BackendUnavailableError(
    `the file back end has no directory: HOME and XDG_STATE_HOME are not set to an absolute path, and this user${idOf(process.geteuid?.())} ` +
      `has no entry in /etc/passwd; set one of the two, or name a directory with ${OPTION}, as in file:///var/lib/app/coordination`,
    { cause },
  );
}

/** A clause for people about a lost lease. */
export function fileGone(path: string): string {
  return `its lock file ${path} was removed or replaced, so another process may have taken the lock`;
}

/** @param endsIn ms until it grants again, as far as known */
export function directoryReplaced(directory: string, until: string, endsIn: number): BackendUnavailableError {
  return new BackendUnavailableError(
    `the file back end grants no lock yet: the directory ${directory} was replaced while it was in use, and another process may ` +
      `still hold locks in the old one; it grants again ${until}`,
    { endsIn },
  );
}

/** @param folder that of the instances */
export function seatGone(folder: string): BackendUnavailableError {
  return new BackendUnavailableError(
    `the file back end shares no lock: the file of this process in ${folder} was removed or replaced while it was in use, so other ` +
      'processes would not respect its shares; restart this process',
  );
}

export function ownerSilent(name: string, owner: OwnerRecord | undefined): BackendUnavailableError {
  const who = owner ? `process ${owner.pid} (member ${owner.memberId})` : 'a process that is not known yet,';
  return new BackendUnavailableError(
    `lock ${shorten(name)} is held by ${who} which does not answer; it keeps the lock until it goes on or ends: ` +
      'ending that process frees the lock',
  );
}

export function recordBusy(path: string): BackendUnavailableError {
  return new BackendUnavailableError(
    `the record ${path} is being written by another process, which has stopped in the midst of it: let that process go on, or end it`,
  );
}

export function notRunning(description: string): BackendUnavailableError {
  return new BackendUnavailableError(
    `${description} is not started, or stopped already: no lock can be taken from it`,
  );
}

export function brokenBy(pid: number): string {
  return `the lock was broken on request of process ${pid}`;
}

export function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/** Makes a name fit into a message of one line. */
export function shorten(name: string): string {
  return JSON.stringify(name.length > 120 ? `${name.slice(0, 120)}…` : name);
}
