import type { HistoryRecord } from '../checker/records.js';
import type { ClockShims, ShimmedClock } from '../../support/clock-shim.js';
import { Worker, type WorkerSettings } from './worker.js';

export interface CrewTerms extends Pick<WorkerSettings, 'storage' | 'ttls' | 'loops' | 'think' | 'seed'> {
  readonly size: number;
  readonly urlOf: (place: number) => string;
  readonly clocks?: ClockShims;
}

interface Place {
  readonly clock?: ShimmedClock;
  worker: Worker;
  /** How many processes it has had. */
  generation: number;
  /** Under way while the next process is being started. */
  refill?: Promise<void>;
}

/** The workers of a campaign: each place has one process at a time, and a new one after each that is gone. */
export class Crew {
  readonly #places: Place[] = [];
  readonly #guests = new Set<Worker>();
  #generations = 0;
  #locks?: readonly string[];

  private constructor(
    private readonly terms: CrewTerms,
    private readonly records: HistoryRecord[],
  ) {}

  static async start(terms: CrewTerms, records: HistoryRecord[]): Promise<Crew> {
    const crew = new Crew(terms, records);
    const places = Array.from({ length: terms.size }, async (_, place) => {
      const clock = await terms.clocks?.create();
      crew.#places[place] = { clock, worker: await crew.#fork(place, 0, clock), generation: 0 };
    });
    await Promise.all(places);
    return crew;
  }

  get workers(): readonly Worker[] {
    return [...this.#places.map(({ worker }) => worker), ...this.#guests];
  }

  clockOf(place: number): ShimmedClock | undefined {
    return this.#places[place]?.clock;
  }

  /** The worker of that place, or of the next one that is not stopped; undefined when all are. */
  target(place: number): Worker | undefined {
    for (let step = 0; step < this.#places.length; step += 1) {
      const index = (place + step) % this.#places.length;
      const worker = this.#places[index]?.worker;
      if (worker && !worker.frozen && !worker.ended) return worker;
    }
    return undefined;
  }

  named(name: string): Worker | undefined {
    return this.workers.find((worker) => worker.name === name);
  }

  run(locks: readonly string[]): void {
    this.#locks = locks;
    for (const worker of this.workers) worker.send({ do: 'run', locks });
  }

  /** Kills the worker, and starts another one in its place, which works at once. */
  async replace(worker: Worker): Promise<void> {
    await worker.kill();
    await this.#refill(worker);
  }

  /**
   * Has the worker stop in order, and starts another one.
   * @returns what is to be said when it did not end by itself
   */
  async relieve(worker: Worker, within: number): Promise<string | undefined> {
    const complaint = await worker.leave(within);
    await this.#refill(worker);
    return complaint;
  }

  /** A worker without a place, on nodes of its own choice. */
  async invite(backendUrl: string): Promise<Worker> {
    this.#generations += 1;
    const guest = await this.#launch(`guest-${this.#generations}`, backendUrl);
    this.#guests.add(guest);
    if (this.#locks) guest.send({ do: 'run', locks: this.#locks });
    return guest;
  }

  async dismiss(guest: Worker): Promise<void> {
    await guest.kill();
    this.#guests.delete(guest);
  }

  /** Lets all loops end; the names of those that did not in time, which are replaced. */
  async drain(within: number): Promise<string[]> {
    this.#locks = undefined;
    // One may have stopped itself only just now.
    const thawing = setInterval(() => this.workers.forEach((worker) => worker.thaw()), 200);
    const idle = await Promise.all(this.workers.map((worker) => worker.drain(within)));
    clearInterval(thawing);
    const late = this.workers.filter((_, index) => idle[index] === false);
    for (const worker of late) await this.replace(worker);
    return late.map(({ name }) => name);
  }

  /** The names of those that ended though nobody asked for it, with what they said; replaces them. */
  async buryCrashed(): Promise<{ readonly name: string; readonly output: string }[]> {
    const crashed = this.workers.filter((worker) => worker.crashed);
    for (const worker of crashed) await this.#refill(worker);
    return Promise.all(
      crashed.map(async ({ name, process }) => {
        await process.closed;
        const { code, signal } = await process.exited;
        return { name, output: `(${signal ?? `code ${code}`}) ${process.output}` };
      }),
    );
  }

  /** @returns what is to be said of those that did not end by themselves */
  async leave(within: number): Promise<string[]> {
    const complaints = await Promise.all(this.workers.map((worker) => worker.leave(within)));
    return complaints.filter((complaint) => complaint !== undefined);
  }

  async kill(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.kill()));
  }

  /** Once for each worker that is gone, though several faults may have hit it; a guest has no place to fill. */
  async #refill(gone: Worker): Promise<void> {
    const place = this.#places.findIndex(({ worker }) => worker === gone);
    const entry = this.#places[place];
    if (entry) await (entry.refill ??= this.#fill(place, entry));
  }

  async #fill(place: number, entry: Place): Promise<void> {
    entry.generation += 1;
    entry.worker = await this.#fork(place, entry.generation, entry.clock);
    entry.refill = undefined;
    if (this.#locks) entry.worker.send({ do: 'run', locks: this.#locks });
  }

  #fork(place: number, generation: number, clock: ShimmedClock | undefined): Promise<Worker> {
    return this.#launch(`worker-${place}.${generation}`, this.terms.urlOf(place), clock);
  }

  #launch(name: string, backendUrl: string, clock?: ShimmedClock): Promise<Worker> {
    const { storage, ttls, loops, think, seed } = this.terms;
    const settings = { worker: name, backendUrl, storage, ttls, loops, think, seed: `${seed}/${name}` };
    return Worker.start(settings, this.records, clock?.env);
  }
}
