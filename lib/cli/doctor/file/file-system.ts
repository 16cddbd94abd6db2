import type { StatsFs } from 'node:fs';
import type { Findings } from '../finding.js';

/** Magic numbers of statfs(2) on Linux: what kind of file system it is, and what that means for locks. */
const KINDS: ReadonlyMap<number, readonly [name: string, kind: 'network' | 'memory' | 'layers' | 'user']> =
  new Map([
    [0x6969, ['NFS', 'network']],
    [0x517b, ['SMB', 'network']],
    [0xfe534d42, ['SMB2', 'network']],
    [0xff534d42, ['CIFS', 'network']],
    [0x01021997, ['9p', 'network']],
    [0x0bd00bd0, ['Lustre', 'network']],
    [0x00c36400, ['Ceph', 'network']],
    [0x01021994, ['tmpfs', 'memory']],
    [0x858458f6, ['ramfs', 'memory']],
    [0x794c7630, ['overlayfs', 'layers']],
    [0x65735546, ['FUSE', 'user']],
  ]);

/** A lock needs a file or two, and a few kB. */
const FEWEST_INODES = 1000;
const LEAST_ROOM = 16 * 2 ** 20;

export function tellFileSystem(findings: Findings, { type }: StatsFs): void {
  const [name, kind] = KINDS.get(type >>> 0) ?? [];
  switch (kind) {
    case 'network':
      findings.problem(
        'file-system',
        `it is on ${name}`,
        'locks there may not exclude other machines, and may not end with their process',
        'use a local directory; Redis or PostgreSQL for several machines',
      );
      break;
    case 'memory':
      findings.note(
        'file-system',
        `it is on ${name}`,
        'records of jobs are forgotten with the machine or the container; locks are not meant to outlive it',
      );
      break;
    case 'layers':
      findings.note(
        'file-system',
        `it is on ${name}, the file system of a container`,
        'only the processes of this container exclude each other',
        'for several containers on one machine mount one volume into each',
      );
      break;
    case 'user':
      findings.warning(
        'file-system',
        `it is on ${name}`,
        'whether its locks exclude other processes depends on the program behind it',
        'use a local directory',
      );
      break;
    default:
      findings.ok('file-system', 'it is on a local file system');
  }
}

export function tellRoom(findings: Findings, { bavail, bsize, ffree, files }: StatsFs): void {
  const room = bavail * bsize;
  // Some file systems make inodes as they are needed, and count none.
  const inodes = files === 0 ? Infinity : ffree;
  const what = `${(room / 2 ** 20).toFixed(0)} MiB and ${inodes === Infinity ? 'any number of' : inodes} files are free`;
  if (room >= LEAST_ROOM && inodes >= FEWEST_INODES) findings.ok('room', what);
  else
    findings.warning(
      'room',
      what,
      'a lock that cannot be written down is not granted',
      'make room on that file system',
    );
}
