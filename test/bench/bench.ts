import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PostgresServer } from '../support/postgres-server.js';
import { settle } from '../support/redis-server.js';
import { Crew } from './crew/crew.js';
import { connect, disconnect } from './locks/clients.js';
import type { Place } from './locks/index.js';
import { peers } from './peers/index.js';

/** Lease time, ms: long enough that nothing ends while a benchmark runs. */
const TTL = 10_000;

/** A Redis server, that another process may have started. */
export interface BenchNode {
  readonly url: string;
  readonly pid: number;
}

export interface BenchSettings {
  readonly nodes: readonly BenchNode[];
  /** Whether the peers take part. */
  readonly peers: boolean;
  readonly short: boolean;
}

/** What the scenarios of one measuring process share. */
export class Bench {
  readonly crew = new Crew();
  readonly #directories: string[] = [];
  #postgres: PostgresServer | undefined;

  constructor(private readonly settings: BenchSettings) {}

  get short(): boolean {
    return this.settings.short;
  }

  /** So many processes, or as few of them as show that it works. */
  processes(count: number): number {
    return this.short ? Math.ceil(count / 4) + 1 : count;
  }

  /** Those of the kinds of locks that take part: peers only if they are wanted. */
  taking(...kinds: readonly string[]): string[] {
    return kinds.filter((id) => this.settings.peers || !peers.some((peer) => peer.id === id));
  }

  /** So many nodes, from the one with that index on, emptied. */
  async redis(count: number, from = 0): Promise<Place & { servers: readonly BenchNode[] }> {
    const servers = this.settings.nodes.slice(from, from + count);
    if (servers.length < count) throw new Error(`there are no ${from + count} Redis nodes`);
    const nodes = servers.map(({ url }) => url);
    const clients = await connect(nodes);
    for (const client of clients) {
      await client.flushall();
      await settle(client);
    }
    disconnect(clients);
    const hosts = nodes.map((url) => new URL(url).host).join(',');
    return { backendUrl: `redis://${hosts}`, nodes, servers, ttl: TTL };
  }

  memory(): Place {
    return { backendUrl: 'memory:', nodes: [], ttl: TTL };
  }

  /** A database of its own, on a server that writes its log to the disk as one in service does. */
  async postgres(): Promise<Place> {
    this.#postgres ??= await PostgresServer.start({ config: ['fsync = on'] });
    return { backendUrl: await this.#postgres.newDatabase(), nodes: [], ttl: TTL };
  }

  /** A directory of its own. */
  async files(): Promise<Place> {
    const directory = await mkdtemp(join(tmpdir(), 'coordination-bench-'));
    this.#directories.push(directory);
    return { backendUrl: `file://${join(directory, 'state')}`, nodes: [], ttl: TTL };
  }

  async end(): Promise<void> {
    await this.crew.end();
    await this.#postgres?.stop();
    for (const directory of this.#directories) await rm(directory, { recursive: true, force: true });
  }
}
