/** Where an item is in its {@link Bag}. */
export interface Slot<T> {
  readonly item: T;
  /** -1 when it has been taken out. */
  index: number;
}

/**
 * Items in no order; each can be taken out by its slot.
 *
 * Adding and removing items all the time costs next to nothing here. A `Set` or `Map` that is filled and emptied again and again makes a
 * new table every few times.
 */
export class Bag<T> {
  readonly #slots: Slot<T>[] = [];

  get size(): number {
    return this.#slots.length;
  }

  add(item: T): Slot<T> {
    const slot = { item, index: this.#slots.length };
    this.#slots.push(slot);
    return slot;
  }

  /** Does nothing when it has been taken out before. */
  remove(slot: Slot<T>): void {
    const { index } = slot;
    if (index === -1) return;
    slot.index = -1;
    const last = this.#slots.pop() as Slot<T>;
    if (last === slot) return;
    last.index = index;
    this.#slots[index] = last;
  }

  /** A copy of its items, which later changes leave alone. */
  items(): T[] {
    return this.#slots.map(({ item }) => item);
  }
}
