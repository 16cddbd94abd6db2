import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RedisServer, startRedisNodes, stopAllRedis } from '../../support/redis-server.js';
import { peers, peersInstalled } from '../peers/index.js';
import { lockKind, type Locks, type Place } from './index.js';

let servers: RedisServer[];
let directory: string;

beforeAll(async () => {
  servers = await startRedisNodes(4);
  directory = await mkdtemp(join(tmpdir(), 'coordination-bench-'));
});

afterAll(async () => {
  await stopAllRedis();
  await rm(directory, { recursive: true, force: true });
});

function redisPlace(from: number, count: number): Place {
  const nodes = servers.slice(from, from + count).map(({ url }) => url);
  const hosts = nodes.map((url) => new URL(url).host).join(',');
  return { backendUrl: `redis://${hosts}`, nodes, ttl: 10_000 };
}

/** In which order two handles have the lock, and free it. */
async function orderOf(locks: Locks, key: string): Promise<string[]> {
  const events: string[] = [];
  const first = locks.lock(key);
  const second = locks.lock(key);
  await first.acquire();
  events.push('first has it');
  const waiting = second.acquire().then(() => events.push('second has it'));
  // For those that poll to have asked at least once, and found it taken.
  await after(30);
  events.push('first frees it');
  await first.release();
  await waiting;
  await second.release();
  return events;
}

async function excludes(id: string, place: Place): Promise<void> {
  const locks = await lockKind(id).open(place);
  try {
    expect(await orderOf(locks, id)).toEqual(['first has it', 'first frees it', 'second has it']);
  } finally {
    await locks.close();
  }
}

const OWN = ['raw', 'raw-queue', 'redlock', 'redlock-tuned', 'ours', 'ours-fair'];

describe('the locks that are measured let in one at a time', () => {
  it.each(OWN)('%s, on one node and on three', async (id) => {
    await excludes(id, redisPlace(0, 1));
    await excludes(id, redisPlace(1, 3));
  });

  it.each(['kernel', 'ours', 'ours-fair'])('%s, on files', async (id) => {
    await excludes(id, { backendUrl: `file://${join(directory, 'state')}`, nodes: [], ttl: 10_000 });
  });

  describe.skipIf(!peersInstalled())('of other packages', () => {
    it.each(peers.map(({ id }) => id))('%s', async (id) => {
      await excludes(id, redisPlace(0, 1));
      if (!id.startsWith('murlock')) await excludes(id, redisPlace(1, 3));
    });
  });
});
