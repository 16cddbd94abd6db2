import type { ClusterPlan, ServerPlan } from '../connection/index.js';
import { NodeError } from '../errors/index.js';

/** What stands for a server where a slot of a Cluster has none: it is never connected. */
export function noServer({ name, secrets, commandTimeout }: ClusterPlan): ServerPlan {
  const refuse = (): Promise<never> =>
    Promise.reject(new NodeError('no server of the Cluster has the slot of this lock', { sent: false }));
  const connect = () => ({ start: refuse, fail: () => undefined, stop: () => Promise.resolve() });
  return { name, secrets, commandTimeout, topology: 'shard', connect, subscribe: connect };
}
