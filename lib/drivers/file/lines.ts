import { Inspection } from './inspection.js';
import { Line, type LineContext, type Waiter } from './line.js';

/** Who waits in this driver, for which lock; and who waits elsewhere, as far as it is asked. */
export class Lines {
  readonly #lines = new Map<string, Line>();
  readonly #inspections = new Map<string, Inspection>();
  /** Those who have their lock, and whose tickets are still there. */
  readonly #served = new Map<string, Waiter>();

  constructor(private readonly context: LineContext) {}

  /** Whether somebody waits here. */
  has(name: string): boolean {
    return this.#lines.has(name);
  }

  /** Whether somebody waits already. */
  isWaitedFor(name: string): boolean {
    const { tickets } = this.context;
    return this.#lines.has(name) || tickets.lastBefore(tickets.of(name)) !== undefined;
  }

  /** Somebody was kept off by those who wait, and does not stay: makes sure that they are there. */
  inspect(name: string): void {
    if (this.#lines.has(name) || this.#inspections.has(name)) return;
    const inspection = new Inspection(name, this.context, () => this.#inspections.delete(name));
    this.#inspections.set(name, inspection);
  }

  join(name: string, waiter: Waiter): void {
    this.#letServedGo(name);
    const line = this.#lines.get(name) ?? new Line(name, this.context);
    line.join(waiter);
    this.#lines.set(name, line);
    this.#inspections.get(name)?.close();
    this.#inspections.delete(name);
  }

  isTurnOf(name: string, waiter: Waiter): boolean {
    return this.#lines.get(name)?.isTurnOf(waiter) ?? false;
  }

  foundTaken(name: string): void {
    this.#lines.get(name)?.foundTaken();
  }

  /** One that has its lock leaves by itself. */
  leave(name: string, waiter: Waiter): void {
    if (this.#served.get(name) === waiter) return;
    const line = this.#lines.get(name);
    line?.leave(waiter);
    if (line?.isEmpty) this.#lines.delete(name);
  }

  /**
   * It has its lock. Its work begins before the next one is told that it is the first now: where they share a processor, that
   * one would run at once, and the lock lie idle meanwhile.
   */
  serve(name: string, waiter: Waiter): void {
    this.#served.set(name, waiter);
    this.context.clock.afterInput(() => {
      if (this.#served.get(name) === waiter) this.#letServedGo(name);
    });
  }

  /** A lease of this driver has ended. */
  freed(name: string): void {
    this.#letServedGo(name);
    this.#lines.get(name)?.ring();
  }

  close(): void {
    for (const line of this.#lines.values()) line.close();
    for (const inspection of this.#inspections.values()) inspection.close();
    this.#lines.clear();
    this.#inspections.clear();
    this.#served.clear();
  }

  #letServedGo(name: string): void {
    const waiter = this.#served.get(name);
    if (!waiter) return;
    this.#served.delete(name);
    this.leave(name, waiter);
  }
}
