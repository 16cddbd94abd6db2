import { BackendUnavailableError } from '../../errors.js';
import type { OwnerRecord } from './owner-record.js';

const OPTION = 'backendUrl (COORDINATION_BACKEND_URL)';

/** What stands in the way of using a directory, and what would end it beside naming another one. */
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

/** Of a failure that was not expected, by what the system says of it. */
export function directoryProblem(cause: unknown): DirectoryProblem {
  const reason = reasonOf(cause);
  if (/\b(EEXIST|ENOTDIR)\b/.test(reason)) {
    return { reason: `a file is in its way (${reason})`, advice: 'move that file away', cause };
  }
  if (/\b(EACCES|EPERM)\b/.test(reason)) {
    return { reason, advice: 'make it writable for this user alone', cause };
  }
  return { reason, cause };
}

export function failedOn(path: string, what: string, cause: unknown): BackendUnavailableError {
  return new BackendUnavailableError(
    `the file back end failed to ${what} at ${path}: ${reasonOf(cause)}; see to that disk, or choose another directory with ${OPTION}`,
    { cause },
  );
}

export function ownerSilent(name: string, owner: OwnerRecord | undefined): BackendUnavailableError {
  const who = owner ? `process ${owner.pid} (member ${owner.memberId})` : 'a process that is not known yet,';
  return new BackendUnavailableError(
    `lock ${shorten(name)} is held by ${who} which does not answer; it keeps the lock until it goes on or ends: ` +
      'ending that process frees the lock',
  );
}

export function ownerElusive(name: string): BackendUnavailableError {
  return new BackendUnavailableError(
    `lock ${shorten(name)} went from one holder to the next faster than they could be asked to let go of it: ` +
      'nobody keeps it for long, so there is nothing to break; try again if it is',
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

/** A name as it stands in a message of one line. */
export function shorten(name: string): string {
  return JSON.stringify(name.length > 120 ? `${name.slice(0, 120)}…` : name);
}
