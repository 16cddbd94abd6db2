import type { Clock, Timer } from './clock.js';

interface Entry {
  at: number;
  readonly run: () => void;
  cancelled: boolean;
}

/** Something due at a later time, which can be called off. */
export interface Appointment {
  cancel(): void;
}

/** A cancelled entry stays in the heap until it is due; past this many the heap is rebuilt without them. */
const SWEEP_AT = 64;

/**
 * Many appointments on one background timer: a lease costs no timer of its own.
 *
 * A binary heap by time. The timer is never moved later when an appointment is called off, so taking and
 * releasing a lock in a loop touches no timer at all.
 */
export class Schedule {
  #heap: Entry[] = [];
  #cancelled = 0;
  #timer?: Timer;
  #armedFor = Infinity;

  constructor(private readonly clock: Clock) {}

  /** By the monotonic clock, ms. */
  get now(): number {
    return this.clock.monotonic();
  }

  /** Runs `run` once the monotonic clock has reached `at` ms; nothing happens for `Infinity`. */
  at(at: number, run: () => void): Appointment {
    const entry: Entry = { at, run, cancelled: at === Infinity };
    if (!entry.cancelled) {
      this.#push(entry);
      this.#arm();
    }
    return {
      cancel: () => {
        if (entry.cancelled) return;
        entry.cancelled = true;
        // The last entry is no parent of another, so it can go at once: the usual case of a lock that is soon released.
        if (this.#heap.at(-1) === entry) {
          this.#heap.pop();
          return;
        }
        this.#cancelled += 1;
        if (this.#cancelled > SWEEP_AT && this.#cancelled > this.#heap.length / 2) this.#sweep();
      },
    };
  }

  /** Runs `run` in `ms` milliseconds. */
  in(ms: number, run: () => void): Appointment {
    return this.at(this.clock.monotonic() + ms, run);
  }

  /** Calls everything off. */
  clear(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#armedFor = Infinity;
    for (const entry of this.#heap) entry.cancelled = true;
    this.#heap = [];
    this.#cancelled = 0;
  }

  #arm(): void {
    const next = this.#heap[0];
    if (!next || next.at >= this.#armedFor) return;
    this.#timer?.cancel();
    this.#armedFor = next.at;
    this.#timer = this.clock.setTimer(next.at - this.clock.monotonic(), () => this.#ring(), 'background');
  }

  #ring(): void {
    this.#timer = undefined;
    this.#armedFor = Infinity;
    const now = this.clock.monotonic();
    for (let next = this.#heap[0]; next && next.at <= now; next = this.#heap[0]) {
      this.#pop();
      if (next.cancelled) this.#cancelled -= 1;
      else {
        next.cancelled = true;
        next.run();
      }
    }
    this.#arm();
  }

  #sweep(): void {
    const live = this.#heap.filter((entry) => !entry.cancelled);
    // A sorted array is a heap.
    this.#heap = live.sort((a, b) => a.at - b.at);
    this.#cancelled = 0;
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let index = heap.push(entry) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (heap[parent]!.at <= entry.at) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.at < heap[child]!.at) child += 1;
      if (heap[child]!.at >= last.at) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
  }
}
