import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Replica } from './replica.js';

const SIZE = 3;
/** How far the clock of each replica is off, ms: more than a job takes. */
const CLOCKS_OFF = [-2000, 0, 2000];

/** Three replicas on one data directory. */
export class Fleet {
  readonly replicas: readonly Replica[];
  #turn = 0;

  /**
   * @param directory for the data and the logs
   * @param env what the replicas get beside this process's own
   */
  constructor(
    readonly directory: string,
    env: NodeJS.ProcessEnv,
    onDeath: (replica: Replica, how: string) => void,
  ) {
    mkdirSync(directory, { recursive: true });
    const names = Array.from({ length: SIZE }, (_, index) => `replica-${index + 1}`);
    this.replicas = names.map(
      (name, index) =>
        new Replica(
          name,
          { env: { ...env, SAMPLE_DATA: directory }, clockOff: CLOCKS_OFF[index] ?? 0 },
          join(directory, `${name}.log`),
          onDeath,
        ),
    );
  }

  async listening(): Promise<void> {
    await Promise.all(this.replicas.map((replica) => replica.listening()));
  }

  /** Settles when no replica is left. */
  async gone(): Promise<void> {
    await Promise.all(this.replicas.map((replica) => replica.exited));
  }

  /** The living replicas take turns. */
  next(): Replica {
    const living = this.replicas.filter((replica) => replica.alive);
    const replica = living[this.#turn++ % living.length];
    if (!replica) throw new Error(`no replica is left; their logs are in ${this.directory}`);
    return replica;
  }

  async stop(): Promise<void> {
    await Promise.all(this.replicas.map((replica) => replica.stop()));
  }

  kill(): void {
    for (const replica of this.replicas) replica.kill();
  }
}
