import { NodeError } from '../errors/index.js';

/** What INFO tells of a server. */
export type ServerInfo = ReadonlyMap<string, string>;

export function parseInfo(text: string): ServerInfo {
  const pairs = text.split('\n').map((line) => line.trim().split(':'));
  return new Map(pairs.map(([key = '', ...value]) => [key, value.join(':')]));
}

/**
 * What a node must be for a lock to be safe on it: a master, and one that never throws keys away when its memory is
 * full. A held lock was seen evicted after 175 writes under volatile-lru.
 *
 * @param ofCluster whether it is used as a server of a Cluster
 * @throws NodeError that says what to change
 */
export function checkServer(info: ServerInfo, ofCluster: boolean): void {
  // It tells of no append-only file then, and refuses nearly everything.
  if (info.get('loading') === '1') {
    throw new NodeError('is still loading its data set', { answered: true, kind: 'loading' });
  }
  const role = info.get('role') ?? 'master';
  if (role !== 'master') {
    throw new NodeError('is a replica', { answered: true, kind: 'read-only' });
  }
  if (!ofCluster && info.get('cluster_enabled') === '1') {
    throw new NodeError('is in cluster mode', { answered: true, kind: 'cluster-part' });
  }
  const eviction = evictionOf(info);
  if (eviction !== undefined) throw new NodeError(eviction, { answered: true, kind: 'evicts' });
}

/** Why a held lock may be thrown away; undefined when none is. */
export function evictionOf(info: ServerInfo): string | undefined {
  const policy = info.get('maxmemory_policy') ?? 'noeviction';
  const limit = Number(info.get('maxmemory') ?? 0);
  if (limit === 0 || policy === 'noeviction') return undefined;
  return `may evict held locks when its memory is full (maxmemory-policy ${policy}): set maxmemory-policy noeviction`;
}
