import type { LockKind, Place } from '../locks/index.js';
import { connect, disconnect } from '../locks/clients.js';
import { startCoordinator } from '../locks/coordinators.js';
import { loadPeer } from '../peers/load-peer.js';
import type { Bench } from '../bench.js';
import type { Contender, Scenario, Setup } from '../scenario.js';
import { medianOf } from '../timed.js';
import { onNodes } from './words.js';
import { merged } from '../contenders.js';
import type { Redis } from 'ioredis';

const ALONE = 'nestjs-coordination, alone';
const PERMITS = 3;

/** A pair of calls, connected at the first round. */
type Pair = () => Promise<unknown>;

interface PeerSemaphore {
  readonly Semaphore: new (
    client: Redis,
    key: string,
    limit: number,
    settings: { readonly lockTimeout: number },
  ) => { acquire(): Promise<void>; release(): Promise<void> };
}

/** An uncontended share, and an uncontended permit, against a lock alone, and against the semaphore of another package. */
export function kindsPair(nodes: number): Scenario {
  return {
    id: `kinds-${nodes}`,
    title: `acquire + release of a lock alone, a share and a permit, nobody else wants it, ${onNodes(nodes)}`,
    size: 100,
    sizeUnit: 'pairs',
    rounds: 40,
    warmUps: 60,
    short: { size: 5, rounds: 2, warmUps: 1 },
    measures: [{ key: 'pair', label: 'p50', unit: 'µs', better: 'lower' }],
    comparisons: [{ measure: 'pair', against: ALONE, by: 'ratio' }],
    prepare: async (bench) => {
      const place = await bench.redis(nodes);
      const peer =
        nodes === 1 ? await peerSemaphore(bench, place) : { contenders: [], close: async () => undefined };
      return merged(await ours(place), peer);
    },
  };
}

async function ours(place: Place): Promise<Setup> {
  const coordinator = await startCoordinator(place.backendUrl, { ttl: place.ttl });
  const handle = (shared: boolean): Pair => {
    const lock = coordinator.getLock(shared ? 'shared' : 'alone', { shared });
    return async () => {
      await lock.acquire();
      await lock.release();
    };
  };
  const semaphore = coordinator.getSemaphore('permits', PERMITS);
  const permit: Pair = async () => (await semaphore.hold()).release();
  const contenders = [
    contender(ALONE, handle(false)),
    contender('nestjs-coordination, shared', handle(true)),
    contender('nestjs-coordination, permit', permit),
  ];
  return { contenders, close: () => coordinator.stop() };
}

async function peerSemaphore(bench: Bench, { nodes, ttl }: Place): Promise<Setup> {
  const kind: LockKind['id'] = 'redis-semaphore';
  if (bench.taking(kind).length === 0) return { contenders: [], close: async () => undefined };
  const clients = await connect(nodes);
  const { Semaphore } = loadPeer(kind) as PeerSemaphore;
  const semaphore = new Semaphore(clients[0] as Redis, 'permits', PERMITS, { lockTimeout: ttl });
  const pair: Pair = async () => {
    await semaphore.acquire();
    await semaphore.release();
  };
  return {
    contenders: [contender('redis-semaphore 5.8, permit', pair)],
    close: async () => disconnect(clients),
  };
}

function contender(name: string, pair: Pair): Contender {
  return { name, measure: async (size) => ({ pair: await medianOf(pair, size) }) };
}
