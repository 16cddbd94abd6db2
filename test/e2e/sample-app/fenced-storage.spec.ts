import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { INestApplication } from '@nestjs/common';
import { CoordinatorService } from 'nestjs-coordination';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ExportsFile } from '../../../sample-app/src/access/exports.file.js';
import { createApp } from '../../../sample-app/src/app.js';
import { permitOnShare } from '../../../sample-app/src/shares/share.js';
import { SharesService } from '../../../sample-app/src/shares/shares.service.js';
import { Disk } from '../../../sample-app/src/storage/disk.js';
import { Floors } from '../../../sample-app/src/storage/floors.js';
import type { Permit } from '../../../sample-app/src/storage/permit.js';
import { StaleTokenError } from '../../../sample-app/src/storage/stale-token.error.js';
import { Volumes } from '../../../sample-app/src/storage/volumes.js';
import { eventually } from '../../support/eventually.js';

/** Of a process that does not know yet that it lost its lease. */
const unaware = new AbortController().signal;

describe('the storage of the share service', () => {
  let directory: string;
  let disk: Disk;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'fenced-storage-spec-'));
    disk = new Disk({ directory, latency: 0 });
  });

  afterEach(() => rm(directory, { recursive: true, force: true }));

  const under = (token: number | undefined, resource = 'thing'): Permit => ({
    resource,
    token,
    signal: unaware,
  });

  it('serves one lease again and again, and later ones after it', async () => {
    await disk.write('thing', 'a', under(5));
    await disk.append('thing', 'b', under(5));
    await disk.append('thing', 'c', under(7));
    expect(await disk.read('thing', under(7))).toBe('abc');
  });

  it('refuses every request of a lease before the last, and does nothing', async () => {
    await disk.write('thing', 'later', under(6));
    const late = under(5);
    for (const request of [
      () => disk.write('thing', 'late', late),
      () => disk.append('thing', 'late', late),
      () => disk.remove('thing', late),
      () => disk.read('thing', late),
      () => disk.list('', late),
    ]) {
      await expect(request()).rejects.toBeInstanceOf(StaleTokenError);
    }
    await expect(disk.read('thing', late)).rejects.toThrow(/token 6, and this is 5/);
    expect(await disk.read('thing', under(6))).toBe('later');
  });

  it('raises its floor at the first contact, a read among them', async () => {
    await disk.write('thing', 'a', under(5));
    expect(await disk.read('thing', under(6))).toBe('a');
    await expect(disk.write('thing', 'late', under(5))).rejects.toBeInstanceOf(StaleTokenError);
    expect(await disk.read('nothing', under(9, 'nothing'))).toBeUndefined();
    await expect(disk.write('nothing', 'late', under(8, 'nothing'))).rejects.toBeInstanceOf(StaleTokenError);
  });

  it('keeps the floor of what was removed, and of a request that failed', async () => {
    await disk.write('thing', 'a', under(5));
    await disk.remove('thing', under(6));
    await expect(disk.write('thing', 'back again', under(5))).rejects.toBeInstanceOf(StaleTokenError);
    await expect(disk.remove('thing', under(8))).rejects.toThrow('ENOENT');
    await expect(disk.write('thing', 'late', under(7))).rejects.toBeInstanceOf(StaleTokenError);
  });

  it('keeps the floors of different resources apart', async () => {
    await disk.write('one', 'a', under(9, 'one'));
    await disk.write('other', 'b', under(2, 'other'));
    expect(await disk.read('other', under(2, 'other'))).toBe('b');
  });

  it('serves requests without a token as it can', async () => {
    await disk.write('thing', 'a', under(undefined));
    await disk.write('thing', 'b', under(5));
    expect(await disk.read('thing')).toBe('b');
  });

  it('serves leases that share a lock in any order, and refuses who was alone before them, or shared it before that', async () => {
    const sharing = (token: number): Permit => ({ ...under(token), shared: true });
    await disk.write('thing', 'a', under(5));
    for (const token of [8, 7, 9, 7]) expect(await disk.read('thing', sharing(token))).toBe('a');
    await expect(disk.write('thing', 'late', under(6))).rejects.toBeInstanceOf(StaleTokenError);
    await disk.write('thing', 'b', under(10));
    for (const token of [7, 9])
      await expect(disk.read('thing', sharing(token))).rejects.toBeInstanceOf(StaleTokenError);
    expect(await disk.read('thing', sharing(11))).toBe('b');
  });

  it('holds tokens up to the largest that there can be', async () => {
    const largest = Number.MAX_SAFE_INTEGER;
    await disk.write('thing', 'a', under(1));
    await disk.write('thing', 'b', under(largest));
    await expect(disk.write('thing', 'late', under(largest - 1))).rejects.toBeInstanceOf(StaleTokenError);
  });

  it.each([true, false])(
    'loses an update when the token is shown with writes alone, and none when with reads too (reads too: %s)',
    async (shownAtReads) => {
      const increment = async (token: number) => {
        const count = Number(await disk.read('thing', under(shownAtReads ? token : undefined)));
        return () => disk.write('thing', String(count + 1), under(token));
      };
      await disk.write('thing', '0', under(undefined));
      // The first one stalls between its read and its write, and the second gets its lock.
      const [first, second] = [await increment(5), await increment(6)];
      const writes = [await Promise.allSettled([first()]), await Promise.allSettled([second()])].flat();
      const accepted = writes.filter(({ status }) => status === 'fulfilled').length;
      expect(accepted).toBe(shownAtReads ? 1 : 2);
      expect(await disk.read('thing')).toBe('1');
    },
  );

  it.each([true, false])(
    'loses no update of many holders that are not alone, and some without tokens (fenced: %s)',
    async (fenced) => {
      let lastToken = 0;
      let accepted = 0;
      await disk.write('thing', '0', under(undefined));
      /** Each with a connection of its own, and each believing that it holds the lock. */
      const holder = async (): Promise<void> => {
        const own = new Disk({ directory, latency: 0 });
        for (let lease = 0; lease < 40; lease += 1) {
          const permit = under(fenced ? (lastToken += 1) : undefined);
          try {
            const count = Number(await own.read('thing', permit));
            for (let turn = Math.random() * 4; turn > 0; turn -= 1) await nextTurn();
            // Of one length, so that writers at the same time replace each other's text, and do not mix it.
            await own.write('thing', String(count + 1).padStart(6, '0'), permit);
            accepted += 1;
          } catch (error) {
            if (!(error instanceof StaleTokenError)) throw error;
          }
        }
      };
      await Promise.all(Array.from({ length: 5 }, holder));
      const counted = Number(await disk.read('thing'));
      if (fenced) expect(counted).toBe(accepted);
      else expect(counted).toBeLessThan(accepted);
      expect(accepted).toBeGreaterThan(0);
    },
  );

  it('compares, raises and carries out in one step, whoever comes meanwhile', async () => {
    const floors = new Floors(directory);
    const order: string[] = [];
    let goOn = (): void => undefined;
    const slow = floors.serve('thing', 5, async () => {
      order.push('5 begins');
      await new Promise<void>((resolve) => (goOn = resolve));
      order.push('5 ends');
    });
    await vi.waitFor(() => expect(order).toEqual(['5 begins']));
    const next = floors.serve('thing', 6, async () => void order.push('6'));
    // As much as it would have needed, many times over.
    for (let other = 0; other < 20; other += 1) await floors.serve('other', 1, nextTurn);
    goOn();
    await Promise.all([slow, next]);
    expect(order).toEqual(['5 begins', '5 ends', '6']);
  });
});

describe('the share service on its fenced storage', () => {
  let directory: string;
  let app: INestApplication;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'fenced-service-spec-'));
    vi.stubEnv('SAMPLE_DATA', directory);
    vi.stubEnv('COORDINATION_BACKEND_URL', 'memory:fenced-storage');
    app = await createApp({ logger: false });
    await app.init();
  });

  afterEach(async () => {
    await app.close();
    vi.unstubAllEnvs();
    await rm(directory, { recursive: true, force: true });
  });

  it('refuses what a holder writes that lost its lock and does not know it yet', async () => {
    const shares = app.get(SharesService);
    const volumes = app.get(Volumes);
    const share = await shares.create(3);
    const path = `shares/${share.id}`;

    const lock = app.get(CoordinatorService).getLock(`share-${share.id}`);
    const lease = await lock.hold();
    const permit = { ...permitOnShare(share, lease), signal: unaware };
    const volume = await volumes.read(path, permit);
    await lock.break();
    await shares.extend(share, 4);

    await expect(volumes.write(path, volume!, permit)).rejects.toBeInstanceOf(StaleTokenError);
    await expect(volumes.copy(path, `snapshots/${share.id}/late`, permit)).rejects.toBeInstanceOf(
      StaleTokenError,
    );
    await expect(volumes.remove(path, permit)).rejects.toBeInstanceOf(StaleTokenError);
    expect(await shares.list()).toEqual([{ id: share.id, size: 7 }]);
    await lock.release();
  });

  it('keeps a floor for each share, for the exports and for the report', async () => {
    const share = await app.get(SharesService).create(1);
    await app.get(ExportsFile).add(share, { to: '10.0.0.1', level: 'rw' });
    for (const resource of [`shares/${share.id}`, 'exports', 'usage.log']) {
      const floor = () => readFile(join(directory, 'floors', resource), 'utf8').catch(() => '');
      await eventually(async () => Number.parseInt(await floor(), 10) > 0);
    }
  });
});
