import { closeSync, openSync, statfsSync, statSync, unlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Clock } from '../../../common/clock.js';
import { directoryOf } from '../../../drivers/file/file.backend.js';
import { StateDirectory } from '../../../drivers/file/directory/index.js';
import { loadNativeLock } from '../../../drivers/file/kernel/index.js';
import type { Examined } from '../examined.js';
import { type Finding, Findings } from '../finding.js';
import { tellFileSystem, tellRoom } from './file-system.js';

/** The directory, the file system that it is on, and the kernel's locks there. */
export async function examineFile({ urls, clock }: Examined): Promise<readonly Finding[]> {
  const { path } = new StateDirectory(directoryOf(urls[0]?.rest ?? ''));
  const findings = new Findings(path);
  const there = existing(path);
  if (there === path) tellAccess(findings, path);
  else
    findings.note(
      'directory',
      'it does not exist yet',
      `the first start creates it below ${there}, for this user alone`,
    );
  const fileSystem = statfsSync(there);
  tellFileSystem(findings, fileSystem);
  tellRoom(findings, fileSystem);
  await tellLocks(findings, there, clock);
  return findings.all;
}

/** The directory itself, or the nearest one above it that exists. */
function existing(path: string): string {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ? path : existing(dirname(path));
}

function tellAccess(findings: Findings, path: string): void {
  const { uid, mode } = statSync(path);
  const user = process.geteuid?.();
  const octal = (mode & 0o7777).toString(8).padStart(4, '0');
  if (user !== undefined && uid !== user)
    findings.problem(
      'owner',
      `it belongs to user ${uid}, and this process is user ${user}`,
      'it is refused: its owner could replace the locks',
      'run all replicas as one user, or chown the directory',
    );
  else if ((mode & 0o022) !== 0)
    findings.problem(
      'mode',
      `others can write to it (mode ${octal})`,
      'it is refused: they could replace the locks',
      `chmod go-w ${path}`,
    );
  else findings.ok('directory', `it belongs to this user alone (mode ${octal})`);
}

/**
 * Two open files of one path must exclude each other. The file belongs to no lock, and is removed.
 */
async function tellLocks(findings: Findings, directory: string, clock: Clock): Promise<void> {
  const path = join(directory, `.coordination-doctor-${process.pid}`);
  const open: number[] = [];
  try {
    const native = await loadNativeLock();
    open.push(openSync(path, 'wx', 0o600), openSync(path, 'r+'));
    const [first, second] = open as [number, number];
    const [got, gotToo] = [native.tryLock(first), native.tryLock(second)];
    if (got && !gotToo) findings.ok('locks', 'the kernel locks files there');
    else
      findings.problem(
        'locks',
        got ? 'two open files have got one lock' : 'a file cannot be locked there',
        'locks exclude no other process, or no process gets one',
        'use a local directory, or Redis or PostgreSQL',
      );
    const behind = Math.round(clock.wall() - statSync(path).mtimeMs);
    if (Math.abs(behind) > 1000)
      findings.note(
        'clock',
        `the file system's clock is ${Math.abs(behind)} ms ${behind > 0 ? 'behind' : 'ahead of'} this machine's`,
        'it is kept by another machine',
      );
  } catch (error) {
    findings.problem(
      'locks',
      `no file can be made and locked there: ${error instanceof Error ? error.message : String(error)}`,
      'the coordinator does not start',
      'let this user write there, or give another directory',
    );
  } finally {
    for (const fd of open) closeSync(fd);
    if (open.length > 0) unlinkSync(path);
  }
}
