import type { CoordinationOptions } from '../coordination.options.js';
import { CoordinatorService } from '../coordinator.service.js';
import type { TestBackend } from './test-backend.js';
import { TestDriver } from './test-driver.js';

/** The other replicas of a test. */
export class Replicas {
  readonly #replicas = new Map<string, CoordinatorService>();

  constructor(
    private readonly settings: CoordinationOptions,
    private readonly backend: TestBackend,
  ) {}

  /** Made and started when it is first asked for. */
  async get(agentId: string): Promise<CoordinatorService> {
    let replica = this.#replicas.get(agentId);
    if (!replica) this.#replicas.set(agentId, (replica = this.#make(agentId)));
    await replica.start();
    return replica;
  }

  has(memberId: string): boolean {
    return [...this.#replicas.values()].some((replica) => replica.memberId === memberId);
  }

  /** A lease that a test has left behind is not waited for. */
  async stop(): Promise<void> {
    const replicas = [...this.#replicas.values()];
    this.#replicas.clear();
    await Promise.all(replicas.map((replica) => replica.stop()));
  }

  #make(agentId: string): CoordinatorService {
    const { backend } = this;
    return new CoordinatorService(
      { ...this.settings, agentId, stopTimeout: 0, driver: (context) => TestDriver.open(backend, context) },
      undefined,
      { clock: backend.clock, listed: false },
    );
  }
}
