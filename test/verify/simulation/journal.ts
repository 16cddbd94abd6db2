import { createHash } from 'node:crypto';
import { type HistoryRecord, toLine } from '../checker/index.js';

/** Keeps what happens, in the order in which it was simulated. */
export class Journal {
  readonly records: HistoryRecord[] = [];
  #names = 0;

  add(record: HistoryRecord): void {
    this.records.push(record);
  }

  /** An interesting state was reached. */
  reached(name: string, at: number): void {
    this.records.push({ type: 'state', at, name });
  }

  /** A name that nothing else in this run has. */
  name(kind: string): string {
    this.#names += 1;
    return `${kind}${this.#names}`;
  }

  lines(): string {
    return this.records.map(toLine).join('');
  }

  /** Stands for everything that happened, to the last digit. */
  hash(): string {
    return createHash('sha256').update(this.lines()).digest('hex').slice(0, 16);
  }
}
