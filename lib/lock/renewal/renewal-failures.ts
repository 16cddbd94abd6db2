import { quoted } from '../../common/quoted.js';
import type { Renewal } from './renewal-batches.js';

/** Warns of renewals that fail: once for each outage, and in one line for all leases of a batch. */
export class RenewalFailures {
  /** The renewals of which a warning was given, and that have not succeeded since. */
  readonly #told = new Set<Renewal>();

  constructor(private readonly warn: (message: string) => void) {}

  tell(failed: readonly Renewal[], failure: unknown): void {
    const news = failed.filter((renewal) => !this.#told.has(renewal));
    const [first, ...others] = news;
    if (!first) return;
    for (const renewal of news) this.#told.add(renewal);
    const more = others.length === 0 ? '' : ` and ${others.length} more`;
    const left = Math.round(shortest(news));
    const why = failure instanceof Error ? failure.message : String(failure);
    this.warn(
      `Lock ${quoted(first.lease.name)}${more}: renewal failed, ${left} ms left to repeat it: ${why}`,
    );
  }

  /** It has succeeded, or the lease is no longer renewed. */
  forget(renewal: Renewal): void {
    if (this.#told.size > 0) this.#told.delete(renewal);
  }
}

/** What is left of the lease that ends first, ms. */
export function shortest(renewals: readonly Renewal[]): number {
  return Math.min(...renewals.map(({ lease }) => lease.remaining()));
}
