import type { TcpProxy } from '../../support/tcp-proxy.js';
import type { Action, Actions, Scene } from './scene.js';
import type { Step } from './faults.js';

/** Bytes per second: a lease takes about one second. */
const NARROW = 1500;

/** Nodes with a link to each worker. */
export interface LinkedNodes {
  readonly voting: readonly { readonly links: readonly TcpProxy[] }[];
  /** The longest lease, ms. */
  readonly maxTtl: number;
}

export function linkFaults(stage: LinkedNodes): Actions {
  /** The links of one node, of one worker, or the one between the two. */
  const linksOf = ({
    node,
    worker,
    everybody,
    chance,
  }: Step): { readonly links: readonly TcpProxy[]; readonly name: string } => {
    const ofNode = stage.voting[node]?.links ?? [];
    if (!everybody)
      return { links: ofNode.slice(worker, worker + 1), name: `worker-${worker} to node ${node + 1}` };
    if (chance < 0.7) return { links: ofNode, name: `everybody to node ${node + 1}` };
    const ofWorker = stage.voting.flatMap(({ links }) => links.slice(worker, worker + 1));
    return { links: ofWorker, name: `worker-${worker} to every node` };
  };

  const during =
    (begin: (link: TcpProxy, step: Step) => void): Action =>
    async (step: Step, scene: Scene) => {
      const { links, name } = linksOf(step);
      for (const link of links) begin(link, step);
      await scene.pause(step.lasts);
      for (const link of links) link.heal();
      return name;
    };

  return {
    'reset connections': during((link) => link.reset()),
    'cut both ways': during((link) => link.set('both', { cut: 'hold' })),
    'cut requests': during((link) => link.set('up', { cut: 'hold' })),
    'cut replies': during((link) => link.set('down', { cut: 'hold' })),
    'lose bytes': during((link) => link.set('both', { cut: 'lose' })),
    'slow link': during((link, { chance }) =>
      link.set(chance < 0.5 ? 'up' : 'both', { latency: 5 + 100 * chance }),
    ),
    'narrow link': during((link) => link.set('both', { bandwidth: NARROW })),
    'replies later than the ttl': during((link) => link.set('down', { latency: 1.2 * stage.maxTtl })),
  };
}
