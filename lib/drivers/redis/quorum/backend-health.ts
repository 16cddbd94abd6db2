import type { BackendChange } from '../../driver.js';
import type { NodeSet } from './node-set.js';

/** Reports once per change whether a quorum of the nodes can be used. */
export class BackendHealth {
  readonly #nodeSet: NodeSet;
  readonly #tell: (change: BackendChange) => void;
  /** Silent until `open`: a failed start is reported by its rejection. */
  #state: 'up' | 'down' | 'silent' = 'silent';

  constructor(nodeSet: NodeSet, tell: (change: BackendChange) => void) {
    this.#nodeSet = nodeSet;
    this.#tell = tell;
  }

  open(): void {
    this.#state = 'down';
    this.look();
  }

  close(): void {
    this.#state = 'silent';
  }

  look(): void {
    const { nodes, quorum } = this.#nodeSet;
    const usable = nodes.filter(({ well }) => well).length >= quorum;
    if (usable && this.#state === 'down') {
      this.#state = 'up';
      this.#tell({ state: 'up' });
    } else if (!usable && this.#state === 'up') {
      this.#state = 'down';
      const down = nodes.filter((node) => !node.well);
      const list = down.map((node) => `${node.name}: ${node.reason}`).join('; ');
      this.#tell({
        state: 'down',
        cause: new Error(`${down.length} of ${nodes.length} Redis nodes down: ${list}`),
      });
    }
  }
}
