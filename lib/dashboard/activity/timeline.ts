import type { Chart } from '../wire.js';
import { Histogram } from './histogram.js';

/** How long a bucket lasts, ms, and how many are kept: fifteen minutes. */
const [STEP, KEPT] = [10_000, 90];
const FIVE_MINUTES = 30;

interface Bucket {
  readonly begin: number;
  readonly waits: Histogram;
  lost: number;
  held?: number;
  waiting?: number;
}

/** The events of the last minutes, in steps of ten seconds. */
export class Timeline {
  readonly #buckets: Bucket[] = [];

  constructor(private readonly now: () => number) {}

  waited(ms: number): void {
    this.#current().waits.add(ms);
  }

  lost(): void {
    this.#current().lost += 1;
  }

  /** Takes the counts of a poll, over all replicas. */
  sample(held: number, waiting: number): void {
    const bucket = this.#current();
    bucket.held = Math.max(bucket.held ?? 0, held);
    bucket.waiting = Math.max(bucket.waiting ?? 0, waiting);
  }

  /** The 95th percentile of waits in the last five minutes, ms. */
  get wait95(): number | undefined {
    const since = this.#begin() - FIVE_MINUTES * STEP;
    const waits = this.#buckets.filter(({ begin }) => begin > since).map((bucket) => bucket.waits);
    return Histogram.quantile(waits, 0.95);
  }

  chart(): Chart {
    const known = new Map(this.#buckets.map((bucket) => [bucket.begin, bucket]));
    const last = this.#begin();
    const points = Array.from({ length: KEPT }, (_, index) => {
      const at = last - (KEPT - 1 - index) * STEP;
      const { held, waiting, waits, lost = 0 } = known.get(at) ?? {};
      return { at, held, waiting, wait95: waits?.quantile(0.95), lost };
    });
    return { step: STEP, points };
  }

  #begin(): number {
    return Math.floor(this.now() / STEP) * STEP;
  }

  /** A step in which nothing happened has no bucket. */
  #current(): Bucket {
    const begin = this.#begin();
    const last = this.#buckets.at(-1);
    // After the clock was set back, the last bucket goes on.
    if (last && last.begin >= begin) return last;
    const bucket = { begin, waits: new Histogram(), lost: 0 };
    this.#buckets.push(bucket);
    if (this.#buckets.length > KEPT) this.#buckets.shift();
    return bucket;
  }
}
