import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { INestApplication } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { SchedulerRegistry } from '@nestjs/schedule';
import { CoordinatorService } from 'nestjs-coordination';
import { createApp } from '../../../sample-app/src/app.js';

describe('the share service', () => {
  let directory: string;
  let app: INestApplication;
  let url: string;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'share-service-spec-'));
    vi.stubEnv('SAMPLE_DATA', directory);
    vi.stubEnv('COORDINATION_BACKEND_URL', 'memory:');
    app = await createApp({ logger: false });
    await app.listen(0, '127.0.0.1');
    url = await app.getUrl();
  });

  afterAll(async () => {
    await app.close();
    vi.unstubAllEnvs();
    await rm(directory, { recursive: true, force: true });
  });

  async function send(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ status: number; body: unknown }> {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${url}${path}`, {
      method,
      ...(body === undefined ? {} : { headers, body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
  }

  async function createShare(size: number): Promise<string> {
    const { status, body } = await send('POST', '/shares', { size });
    expect(status).toBe(201);
    return (body as { id: string }).id;
  }

  it('creates, extends, shrinks, lists and deletes shares', async () => {
    const id = await createShare(3);
    expect(await send('POST', `/shares/${id}/extend`, { by: 4 })).toEqual({
      status: 200,
      body: { id, size: 7 },
    });
    expect(await send('POST', `/shares/${id}/shrink`, { by: 2 })).toEqual({
      status: 200,
      body: { id, size: 5 },
    });
    expect((await send('POST', `/shares/${id}/shrink`, { by: 5 })).status).toBe(400);
    expect((await send('GET', '/shares')).body).toContainEqual({ id, size: 5 });
    const extents = await readFile(join(directory, 'shares', id, 'extents'), 'utf8');
    expect(extents).toBe('extent 1\nextent 2\nextent 3\nextent 4\nextent 5\n');
    expect((await send('DELETE', `/shares/${id}`)).status).toBe(204);
    expect((await send('GET', '/shares')).body).not.toContainEqual({ id, size: 5 });
    expect((await send('POST', `/shares/${id}/extend`, { by: 1 })).status).toBe(404);
  });

  it('moves capacity between two shares, in both directions at once', async () => {
    const [one, two] = [await createShare(50), await createShare(50)];
    const move = (from: string, to: string, by = 1) => send('POST', `/shares/${from}/move-to/${to}`, { by });
    expect(await move(one, two, 10)).toEqual({
      status: 200,
      body: [
        { id: one, size: 40 },
        { id: two, size: 60 },
      ],
    });
    const moves = Array.from({ length: 20 }, (_, turn) => (turn % 2 ? move(one, two) : move(two, one)));
    expect((await Promise.all(moves)).map(({ status }) => status)).toEqual(Array(20).fill(200));
    const { body } = await send('GET', '/shares');
    expect(body).toEqual(
      expect.arrayContaining([
        { id: one, size: 40 },
        { id: two, size: 60 },
      ]),
    );
    expect((await move(one, one)).status).toBe(400);
    expect((await move(one, two, 40)).status).toBe(400);
  });

  it('takes snapshots, reverts to them and deletes them, and keeps a share that has some', async () => {
    const id = await createShare(2);
    const created = await send('POST', `/shares/${id}/snapshots`, { name: 'monday' });
    expect(created).toEqual({ status: 201, body: { name: 'monday', size: 2 } });
    expect((await send('POST', `/shares/${id}/snapshots`, { name: 'monday' })).status).toBe(409);
    await send('POST', `/shares/${id}/extend`, { by: 8 });
    expect((await send('GET', `/shares/${id}/snapshots`)).body).toEqual([{ name: 'monday', size: 2 }]);
    expect((await send('POST', `/shares/${id}/snapshots/monday/revert`)).status).toBe(200);
    expect((await send('GET', '/shares')).body).toContainEqual({ id, size: 2 });
    expect((await send('DELETE', `/shares/${id}`)).status).toBe(409);
    expect((await send('DELETE', `/shares/${id}/snapshots/monday`)).status).toBe(204);
    expect((await send('POST', `/shares/${id}/snapshots/monday/revert`)).status).toBe(404);
    expect((await send('DELETE', `/shares/${id}`)).status).toBe(204);
  });

  it('takes snapshots of one share side by side, and reads it meanwhile, but changes it in no copy', async () => {
    const id = await createShare(3);
    const names = ['one', 'two', 'three', 'four', 'five', 'six'];
    const taking = names.map((name) => send('POST', `/shares/${id}/snapshots`, { name }));
    const reading = names.map(() => send('GET', `/shares/${id}`));
    const extending = send('POST', `/shares/${id}/extend`, { by: 4 });
    expect((await Promise.all(taking)).map(({ status }) => status)).toEqual(names.map(() => 201));
    for (const { body } of await Promise.all(reading))
      expect([
        { id, size: 3, extents: 3 },
        { id, size: 7, extents: 7 },
      ]).toContainEqual(body);
    expect((await extending).status).toBe(200);
    const { body } = await send('GET', `/shares/${id}/snapshots`);
    for (const { name, size } of body as { name: string; size: number }[]) {
      const extents = await readFile(join(directory, 'snapshots', id, name, 'extents'), 'utf8');
      expect(extents.split('\n').filter(Boolean)).toHaveLength(size);
    }
    expect((await send('GET', '/shares/0')).status).toBeGreaterThanOrEqual(400);
  });

  it('allows and denies access, and forgets the rules of a deleted share', async () => {
    const id = await createShare(1);
    const path = `/shares/${id}/access`;
    expect((await send('POST', path, { to: '10.0.0.1', level: 'rw' })).status).toBe(201);
    expect((await send('POST', path, { to: '10.0.0.2', level: 'ro' })).status).toBe(201);
    expect((await send('POST', path, { to: '10.0.0.1', level: 'ro' })).status).toBe(409);
    expect((await send('DELETE', `${path}/10.0.0.1`)).status).toBe(204);
    expect((await send('DELETE', `${path}/10.0.0.1`)).status).toBe(404);
    expect((await send('GET', path)).body).toEqual([{ to: '10.0.0.2', level: 'ro' }]);
    await send('DELETE', `/shares/${id}`);
    expect(await readFile(join(directory, 'exports'), 'utf8')).not.toContain(id);
  });

  it('makes a snapshot wait for whoever changes the share, and refuses the same request twice (423)', async () => {
    const id = await createShare(1);
    const coordinator = app.get(CoordinatorService);
    const waiting: string[] = [];
    const stop = coordinator.on('lease.waiting', ({ lock }) => void waiting.push(lock));
    const lease = await coordinator.getLock(`share-${id}`).hold();
    const first = send('POST', `/shares/${id}/snapshots`, { name: 'tuesday' });
    await expect.poll(() => waiting).toContain(`share-${id}`);
    expect((await send('POST', `/shares/${id}/snapshots`, { name: 'tuesday' })).status).toBe(423);
    expect((await send('GET', `/shares/${id}/snapshots`)).body).toEqual([]);
    await lease.release();
    expect((await first).status).toBe(201);
    stop();
  });

  it('counts the usage once for a tick, also when the scheduler calls again', async () => {
    const job = app.get(SchedulerRegistry).getCronJob('usage');
    for (let call = 0; call < 5; call += 1) await job.fireOnTick();
    const report = await vi.waitFor(() => readFile(join(directory, 'usage.log'), 'utf8'), 30_000);
    const ticks = report.split('\n').flatMap((line) => line.split(' ', 1)[0] || []);
    expect(ticks.length).toBeGreaterThan(0);
    expect(ticks).toEqual([...new Set(ticks)]);
  });

  it.each([
    ['POST', '/shares', { size: 0 }, 'size must be a whole number of GiB'],
    ['POST', '/shares', { size: '3' }, 'size must be a whole number of GiB'],
    ['POST', '/shares', [3], 'the body must be a JSON object with size'],
    ['POST', '/shares', { size: 1, colour: 'red' }, 'colour is unknown, known are size'],
    ['POST', '/shares/..%2f..%2fetc/extend', { by: 1 }, 'the id of the share must be 1 to 40'],
    ['DELETE', '/shares/UPPER', undefined, 'the id of the share must be 1 to 40'],
  ])('answers 400 to %s %s with %j', async (method, path, body, problem) => {
    const answer = await send(method, path, body);
    expect(answer.status).toBe(400);
    expect(JSON.stringify(answer.body)).toContain(problem);
  });

  it('lists every problem of a body at once', async () => {
    const id = await createShare(1);
    const { body } = await send('POST', `/shares/${id}/access`, { to: 'localhost' });
    expect((body as { message: string[] }).message).toEqual([
      'to must be an IPv4 address',
      'level must be rw or ro',
    ]);
  });
});
