import type { History } from './history.js';
import { countUpdates } from './lost-updates.js';
import type { Violation } from './violation.js';

/** How many violations are printed in full. */
const SHOWN = 20;

/** Adds up runs, so that a quiet one is not taken for a safe one. */
export class Tally {
  #runs = 0;
  #calls = 0;
  #leases = 0;
  readonly #faults = new Map<string, number>();
  readonly #states = new Map<string, number>();
  readonly #updates = new Map<string, { accepted: number; refused: number; unknown: number; lost: number }>();
  readonly #violations: { readonly seed: string; readonly violation: Violation }[] = [];

  add(seed: string, history: History, violations: readonly Violation[]): void {
    this.#runs += 1;
    this.#calls += history.calls.length;
    this.#leases += history.leases.length;
    for (const { kind } of history.faults) count(this.#faults, kind, 1);
    for (const [name, times] of history.states) count(this.#states, name, times);
    for (const { storage, accepted, refused, unknown, lost } of countUpdates(history)) {
      const sum = this.#updates.get(storage) ?? { accepted: 0, refused: 0, unknown: 0, lost: 0 };
      sum.accepted += accepted;
      sum.refused += refused;
      sum.unknown += unknown;
      sum.lost += lost;
      this.#updates.set(storage, sum);
    }
    this.blame(seed, violations);
  }

  /** What was found after the run. */
  blame(seed: string, violations: readonly Violation[]): void {
    for (const violation of violations) this.#violations.push({ seed, violation });
  }

  get leases(): number {
    return this.#leases;
  }

  get violations(): number {
    return this.#violations.length;
  }

  /** Increments lost by the storage without fencing. */
  get lostByControl(): number {
    return this.#updates.get('control')?.lost ?? 0;
  }

  /** How often a state was reached. */
  reached(state: string): number {
    return this.#states.get(state) ?? 0;
  }

  /** @param title what ran, for example the campaign and its seeds */
  text(title: string): string {
    const kinds = new Map<string, number>();
    for (const { violation } of this.#violations) count(kinds, violation.judge, 1);
    const lines = [
      title,
      `  runs ${this.#runs}, calls ${this.#calls}, leases granted ${this.#leases}`,
      `  violations ${this.#violations.length}${kinds.size > 0 ? `: ${listed(kinds)}` : ''}`,
      `  faults: ${listed(this.#faults)}`,
      `  states reached: ${listed(this.#states)}`,
    ];
    for (const [storage, { accepted, refused, unknown, lost }] of this.#updates)
      lines.push(
        `  ${storage} storage: ${accepted} updates, ${refused} refused, ${unknown} of unknown fate, ${lost} lost`,
      );
    for (const { seed, violation } of this.#violations.slice(0, SHOWN))
      lines.push(`  seed ${seed}: ${violation.judge}: ${violation.message}`);
    const more = this.#violations.length - SHOWN;
    if (more > 0) lines.push(`  … and ${more} more`);
    return lines.join('\n');
  }
}

function count(map: Map<string, number>, key: string, times: number): void {
  map.set(key, (map.get(key) ?? 0) + times);
}

function listed(counts: ReadonlyMap<string, number>): string {
  if (counts.size === 0) return 'none';
  const sorted = [...counts].sort(([a], [b]) => a.localeCompare(b));
  return sorted.map(([name, times]) => `${name} ${times}`).join(', ');
}
