import type { ClusterPlan, ServerPlan } from '../connection/index.js';
import { NodeError } from '../errors/index.js';

/** The plan of a server that stands in for a slot without a server: it never connects. */
export function noServer({ name, secrets, commandTimeout }: ClusterPlan): ServerPlan {
  const refuse = (): Promise<never> =>
    Promise.reject(new NodeError('no server of the Cluster has the slot of this lock', { sent: false }));
  const connect = () => ({ start: refuse, fail: () => undefined, stop: () => Promise.resolve() });
  return { name, secrets, commandTimeout, topology: 'shard', connect, subscribe: connect };
}
