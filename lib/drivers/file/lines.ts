import { Inspection } from './inspection.js';
import { Line, type LineContext, type Waiter } from './line.js';

/** Who waits in this driver, for which lock; and who waits elsewhere, as far as it is asked. */
export class Lines {
  readonly #lines = new Map<string, Line>();
  readonly #inspections = new Map<string, Inspection>();

  constructor(private readonly context: LineContext) {}

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

  leave(name: string, waiter: Waiter): void {
    const line = this.#lines.get(name);
    line?.leave(waiter);
    if (line?.isEmpty) this.#lines.delete(name);
  }

  /** A lease of this driver has ended. */
  freed(name: string): void {
    this.#lines.get(name)?.ring();
  }

  close(): void {
    for (const line of this.#lines.values()) line.close();
    for (const inspection of this.#inspections.values()) inspection.close();
    this.#lines.clear();
    this.#inspections.clear();
  }
}
