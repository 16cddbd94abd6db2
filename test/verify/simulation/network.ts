import type { Actor, World } from './world.js';
import type { Random } from './random.js';

export interface Latency {
  /** One way, ms. */
  readonly least: number;
  readonly most: number;
  /** How many messages are held up, and for how long, ms. */
  readonly spikes: number;
  readonly spike: number;
}

export type Direction = 'there' | 'back';

/** The way between a process and a machine. */
export class Link {
  /** Until when nothing gets through, on the judge's clock. */
  readonly #closedUntil = { there: 0, back: 0 };
  /** Added to the next message on its way. */
  readonly #holdUp = { there: 0, back: 0 };
  /** Told to break every connection. */
  readonly #resets = new Set<() => void>();

  constructor(
    private readonly world: World,
    private readonly random: Random,
    private readonly latency: Latency,
  ) {}

  /** What is sent meanwhile is sent again until the way is open; what is on its way arrives. */
  close(direction: Direction, until: number): void {
    this.#closedUntil[direction] = Math.max(this.#closedUntil[direction], until);
  }

  holdUp(direction: Direction, ms: number): void {
    this.#holdUp[direction] = Math.max(this.#holdUp[direction], ms);
  }

  open(): void {
    this.#closedUntil.there = 0;
    this.#closedUntil.back = 0;
  }

  reset(): void {
    for (const reset of [...this.#resets]) reset();
  }

  onReset(reset: () => void): () => void {
    this.#resets.add(reset);
    return () => {
      this.#resets.delete(reset);
    };
  }

  /** When something that is sent at `time` arrives. */
  arrival(direction: Direction, time: number): number {
    const { least, most, spikes, spike } = this.latency;
    const spiked = this.random.chance(spikes) ? this.random.skewed(most, spike) : 0;
    const held = this.#holdUp[direction];
    this.#holdUp[direction] = 0;
    const departure = Math.max(time, this.#closedUntil[direction]);
    return departure + this.random.between(least, most) + spiked + held;
  }

  /** A message of its own, which may overtake others. */
  send(direction: Direction, from: Actor, to: Actor, run: () => void): void {
    this.world.at(this.arrival(direction, from.now), to, run);
  }
}

/** Messages in the order in which they were sent, as on one TCP connection. */
export class Stream {
  #last = 0;

  constructor(
    private readonly world: World,
    private readonly link: Link,
    private readonly direction: Direction,
  ) {}

  /** @param to nobody for what the kernel does, which works while a process is stopped */
  send(time: number, to: Actor | undefined, run: () => void): void {
    this.#last = Math.max(this.#last, this.link.arrival(this.direction, time));
    this.world.at(this.#last, to, run);
  }
}
