/**
 * Whoever events happen to: a process, a Redis node, the storage. It lives in a time of its own: while it is stopped,
 * or takes its time, it is ahead of the world's, and what falls due for it meanwhile happens when it is done.
 */
export abstract class Actor {
  /** What the judge's clock says where it is, ms. */
  now = 0;
  /** Nothing happens to it any more. */
  gone = false;
  /** It does promises: what follows from an event has to settle before the next one. */
  abstract readonly thinks: boolean;
}

interface Event {
  at: number;
  /** Of two at the same time the one that was caused first happens first. */
  readonly order: number;
  readonly actor: Actor | undefined;
  readonly run: () => void;
  cancelled: boolean;
}

/** Far more than any run needs. */
const MOST_EVENTS = 1_000_000;

/** How many events are handed to the event loop at once: microtasks run after each of them. */
const BATCH = 64;

/** One queue of everything that will happen. */
export class World {
  /** Of the last event, on the judge's clock, ms. */
  now = 0;
  readonly #heap: Event[] = [];
  #order = 0;
  #happened = 0;

  /** @param actor nobody for what happens to the world as a whole */
  at(time: number, actor: Actor | undefined, run: () => void): { cancel(): void } {
    this.#order += 1;
    const event = { at: Math.max(time, this.now), order: this.#order, actor, run, cancelled: false };
    this.#push(event);
    return {
      cancel: () => {
        event.cancelled = true;
      },
    };
  }

  /** Lets everything happen that is due before `until`; resolves to whether anything is left. */
  run(until: number): Promise<boolean> {
    return new Promise((resolve, reject) => {
      let ended = false;
      let queued = 0;
      const step = (): void => {
        if (ended) return;
        queued -= 1;
        try {
          if (this.#untilSomebodyThinks(until)) {
            if (queued === 0) queue();
            return;
          }
          ended = true;
          resolve(this.#heap.some(({ actor, cancelled }) => !cancelled && actor?.gone !== true));
        } catch (error) {
          ended = true;
          reject(error);
        }
      };
      const queue = (): void => {
        for (queued = 0; queued < BATCH; queued += 1) setImmediate(step);
      };
      queue();
    });
  }

  /** False when nothing is due any more. */
  #untilSomebodyThinks(until: number): boolean {
    for (let event = this.#heap[0]; event && event.at <= until; event = this.#heap[0]) {
      this.#pop();
      if (event.cancelled || event.actor?.gone === true) continue;
      if (event.actor && event.actor.now > event.at) {
        event.at = event.actor.now;
        this.#push(event);
        continue;
      }
      this.now = event.at;
      if (event.actor) event.actor.now = event.at;
      this.#happened += 1;
      if (this.#happened > MOST_EVENTS) throw new Error(`Something goes round in circles at ${this.now} ms`);
      event.run();
      if (event.actor?.thinks ?? true) return true;
    }
    this.now = Math.max(this.now, Math.min(until, this.#heap[0]?.at ?? until));
    return false;
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let index = heap.push(event) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(event, heap[parent] as Event)) break;
      heap[index] = heap[parent] as Event;
      index = parent;
    }
    heap[index] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (!last || heap.length === 0) return;
    let index = 0;
    for (let child = 1; child < heap.length; child = 2 * index + 1) {
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Event, heap[child] as Event)) child += 1;
      if (!isBefore(heap[child] as Event, last)) break;
      heap[index] = heap[child] as Event;
      index = child;
    }
    heap[index] = last;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
