import { chmodSync, chownSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CoordinatorService } from 'nestjs-coordination';
import { Findings } from '../../../lib/cli/doctor/finding.js';
import { tellFileSystem, tellRoom } from '../../../lib/cli/doctor/file/file-system.js';
import { diagnose, toldAs } from '../../support/diagnosis.js';
import { RecordedLog } from '../../support/recorded-log.js';

describe('the doctor on files', () => {
  let directory = '';
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'doctor-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it('says that all is well, of a directory that is used and of one that is not there yet', async () => {
    RecordedLog.install();
    const missing = await diagnose({ backendUrl: `file://${directory}/state` });
    expect(missing).toMatchObject({ backend: 'file', problems: 0 });
    expect(toldAs('note', missing)).toContain('directory: it does not exist yet');
    expect(readdirSync(directory)).toEqual([]);
    const coordinator = new CoordinatorService({ backendUrl: `file://${directory}` });
    await coordinator.start();
    try {
      const before = readdirSync(directory);
      const used = await diagnose({ backendUrl: `file://${directory}` });
      expect(toldAs('problem', used)).toEqual([]);
      expect(toldAs('ok', used)).toContain('locks: the kernel locks files there');
      expect(readdirSync(directory)).toEqual(before);
    } finally {
      await coordinator.stop();
    }
  });

  it('finds a directory that others can write to, and one of another user', async () => {
    chmodSync(directory, 0o770);
    expect(toldAs('problem', await diagnose({ backendUrl: `file://${directory}` }))).toEqual([
      'mode: others can write to it (mode 0770)',
    ]);
    // Only the superuser can give a directory away.
    if (process.geteuid?.() !== 0) return;
    chmodSync(directory, 0o700);
    chownSync(directory, 12_345, 12_345);
    expect(toldAs('problem', await diagnose({ backendUrl: `file://${directory}` }))).toEqual([
      'owner: it belongs to user 12345, and this process is user 0',
    ]);
  });

  it('finds a file system of a network, one that is nearly full, and says what others mean', () => {
    const told = (type: number, more = {}): string[] => {
      const findings = new Findings('/state');
      const stats = { type, bsize: 4096, blocks: 1e6, bfree: 1e6, bavail: 1e6, files: 1e6, ffree: 1e6 };
      tellFileSystem(findings, stats);
      tellRoom(findings, { ...stats, ...more });
      return findings.all.map(({ level, what }) => `${level}: ${what}`);
    };
    expect(told(0xef53)).toEqual([
      'ok: it is on a local file system',
      'ok: 3906 MiB and 1000000 files are free',
    ]);
    expect(told(0x6969)[0]).toBe('problem: it is on NFS');
    // As Node tells it on some machines.
    expect(told(-11317950)[0]).toBe('problem: it is on CIFS');
    expect(told(0x01021994)[0]).toBe('note: it is on tmpfs');
    expect(told(0xef53, { ffree: 5 })[1]).toBe('warning: 3906 MiB and 5 files are free');
    expect(told(0xef53, { bavail: 100 })[1]).toBe('warning: 0 MiB and 1000000 files are free');
  });
});
