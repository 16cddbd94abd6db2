import type { ClusterPlan, Connection, RedisClient } from '../connection/index.js';
import { cleanError, NodeError } from '../errors/index.js';
import { formatHost, type HostAndPort } from '../options/index.js';
import { type SlotRange, slotRanges } from './cluster-map.js';
import type { RedisNode } from './redis-node.js';

/** Reads which server of a Cluster has which slot. */
export class SlotReader {
  readonly #plan: ClusterPlan;
  /** Connections that are used only to ask servers for the slots. */
  #asking: readonly Connection[] = [];
  #reads = 0;
  #stopped = false;

  constructor(plan: ClusterPlan) {
    this.#plan = plan;
  }

  /**
   * @param up the servers that can be asked over their present connections
   * @param known masters and replicas, which are asked when none of those answers
   * @throws NodeError when no server has answered
   */
  async read(up: readonly RedisNode[], known: readonly HostAndPort[]): Promise<readonly SlotRange[]> {
    this.#reads += 1;
    for (let number = 0; number < up.length; number += 1) {
      // Begin with another server each time: the answer of one server may be old.
      const server = up[(this.#reads + number) % up.length] as RedisNode;
      try {
        return slotRanges(await server.send((client) => client.cluster('SLOTS')), server.plan.address);
      } catch {
        // Ask the next one.
        continue;
      }
    }
    // A stop makes the servers fail too. It has stopped only the connections that existed then, so open no new ones.
    if (this.#stopped) throw new NodeError('the coordinator has been stopped', { sent: false });
    return this.#readAnew([...this.#plan.seeds(), ...known]);
  }

  /** Never rejects. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#asking.map((connection) => connection.stop()));
  }

  /** Asks every known server over a new connection; the first answer counts. */
  async #readAnew(heardOf: readonly HostAndPort[]): Promise<readonly SlotRange[]> {
    const addresses = new Map(heardOf.map((address) => [formatHost(address), address]));
    const tries = [...addresses.values()].map((address) => {
      let reply: unknown;
      const verify = async (client: RedisClient): Promise<void> => {
        reply = await client.cluster('SLOTS');
      };
      const idle = (): void => undefined;
      const connection = this.#plan.serverAt(address).connect({ verify, onUp: idle, onDown: idle });
      return { connection, ranges: connection.start().then(() => slotRanges(reply, address)) };
    });
    this.#asking = tries.map(({ connection }) => connection);
    try {
      return await Promise.any(tries.map(({ ranges }) => ranges));
    } catch (error) {
      const reasons = error instanceof AggregateError ? error.errors.map((each) => cleanError(each)) : [];
      throw reasons.find(({ answered }) => answered) ?? reasons[0] ?? cleanError(error);
    } finally {
      await Promise.all(this.#asking.map((connection) => connection.stop()));
      this.#asking = [];
    }
  }
}
