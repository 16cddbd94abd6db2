import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import Redlock from 'redlock';
import type { HistoryRecord } from '../checker/records.js';
import { now } from './judge-clock.js';
import { SeededRandom } from './random.js';
import type { RedisNodes } from './redis-nodes.js';
import type { Actions, Scene } from './scene.js';

/** Of a node, ms; shorter than the lease. */
const TIMEOUT = 100;
const TTL = 600;
/** What Redlock takes off for the drift of clocks, ms. */
const DRIFT = 0.01 * TTL + 2;

/** How a client of another kind takes a lock and gives it back: nothing but the standard key. */
interface ForeignClient {
  readonly name: string;
  /** @returns how to give it back, or undefined when it was not to be had */
  take(key: string): Promise<(() => Promise<unknown>) | undefined>;
}

/** What redis.io shows: SET NX PX on every node, and a script that deletes what is still ours. */
function plainClient(clients: readonly Redis[]): ForeignClient {
  const script =
    "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0";
  return {
    name: 'plain',
    async take(key) {
      const id = randomUUID();
      const release = (): Promise<unknown> =>
        Promise.allSettled(clients.map((client) => client.eval(script, 1, key, id)));
      const votes = await Promise.allSettled(clients.map((client) => client.set(key, id, 'PX', TTL, 'NX')));
      const mine = votes.filter((vote) => vote.status === 'fulfilled' && vote.value === 'OK').length;
      if (mine > clients.length / 2) return release;
      await release();
      return undefined;
    },
  };
}

/** The redlock package itself. */
function redlockPackage(clients: readonly Redis[]): ForeignClient {
  const redlock = new Redlock<string>(clients, { retryCount: 0 }, {});
  return {
    name: 'redlock',
    async take(key) {
      try {
        const lock = await redlock.acquire([key], TTL);
        return () => redlock.release(lock);
      } catch {
        // Its only error says that there was no quorum.
        return undefined;
      }
    },
  };
}

async function compete(
  client: ForeignClient,
  random: SeededRandom,
  scene: Scene,
  over: () => boolean,
): Promise<void> {
  const worker = `foreign-${client.name}-${randomUUID().slice(0, 8)}`;
  const { records } = scene;
  for (let round = 1; !over(); round += 1) {
    const attempt = `${worker}:${round}`;
    const lock = random.pick(scene.locks);
    const asked = now();
    records.push({ type: 'attempt', at: asked, attempt, worker, lock, budget: 'once' });
    const release = await client.take(`coordination:lock:${lock}`);
    const mine = (): HistoryRecord[] => {
      const at = now();
      return at < asked + TTL - DRIFT ? [{ type: 'held', at, lease: attempt }] : [];
    };
    if (release) {
      records.push({ type: 'granted', at: now(), attempt, lease: attempt, ttl: TTL }, ...mine());
      await scene.pause(random.between(1, 30));
      records.push(...mine());
      const called = now();
      const confirmed = await release().then(
        () => 'unconfirmed' as const,
        () => 'unconfirmed' as const,
      );
      records.push({ type: 'released', at: now(), lease: attempt, called, confirmed });
    } else {
      records.push({ type: 'refused', at: now(), attempt });
      await scene.pause(random.between(5, 40));
    }
  }
}

export function foreignFaults(stage: RedisNodes): Actions {
  return {
    async 'foreign clients'(step, scene) {
      const clients = stage.voting.map(({ server }) =>
        server.client({ commandTimeout: TIMEOUT, enableOfflineQueue: false, retryStrategy: () => 50 }),
      );
      let over = false;
      const random = new SeededRandom(`foreign/${step.at}/${step.chance}`);
      const competing = [plainClient(clients), redlockPackage(clients)].map((client) =>
        compete(client, random, scene, () => over),
      );
      await scene.pause(step.lasts);
      over = true;
      await Promise.all(competing);
      for (const client of clients) client.disconnect();
      return 'all locks';
    },

    async 'changed list of nodes'(step, scene) {
      const guest = await scene.crew.invite(stage.urlOfOtherList(step.node));
      await scene.pause(step.lasts);
      await scene.crew.dismiss(guest);
      return guest.name;
    },
  };
}
