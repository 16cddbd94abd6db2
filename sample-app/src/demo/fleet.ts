import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Replica } from './replica.js';

const SIZE = 3;
/** How far the clock of each replica is off, ms: more than a job takes. */
const CLOCKS_OFF = [-2000, 0, 2000];

/** Three replicas on one data directory. */
export class Fleet {
  readonly #replicas: Replica[];
  #turn = 0;

  /**
   * @param directory for the data and the logs
   * @param env what the replicas get beside this process's own
   * @param clocksOff how far the clock of each is off, ms
   */
  constructor(
    readonly directory: string,
    private readonly env: NodeJS.ProcessEnv,
    private readonly onDeath: (replica: Replica, how: string) => void,
    private readonly clocksOff: readonly number[] = CLOCKS_OFF,
  ) {
    mkdirSync(directory, { recursive: true });
    this.#replicas = Array.from({ length: SIZE }, (_, index) => this.#begin(index));
  }

  get replicas(): readonly Replica[] {
    return this.#replicas;
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

  /** As the kernel does it when memory is short. */
  killReplica(name: string): void {
    this.#replicas.find((replica) => replica.name === name)?.kill();
  }

  /** Another process in the place of one that has ended. */
  async restart(name: string): Promise<Replica> {
    const index = this.#replicas.findIndex((replica) => replica.name === name);
    await this.#replicas[index]?.exited;
    const replica = this.#begin(index);
    this.#replicas[index] = replica;
    await replica.listening();
    return replica;
  }

  async stop(): Promise<void> {
    await Promise.all(this.replicas.map((replica) => replica.stop()));
  }

  kill(): void {
    for (const replica of this.replicas) replica.kill();
  }

  #begin(index: number): Replica {
    const name = `replica-${index + 1}`;
    const settings = {
      env: { ...this.env, SAMPLE_DATA: this.directory },
      clockOff: this.clocksOff[index] ?? 0,
    };
    return new Replica(name, settings, join(this.directory, `${name}.log`), this.onDeath);
  }
}
