import type { EventRow } from '../wire.js';

const KEPT = 50;

/** The last events, newest first. */
export class News {
  #rows: EventRow[] = [];
  #lastId = 0;

  get rows(): readonly EventRow[] {
    return this.#rows;
  }

  add(event: Omit<EventRow, 'id'>): void {
    this.#lastId += 1;
    this.#rows = [{ id: this.#lastId, ...event }, ...this.#rows].slice(0, KEPT);
  }
}
