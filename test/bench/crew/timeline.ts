/** The leases of one process, each as three moments on the monotonic clock, ms: asked for, got, release begun. */
export interface Timeline {
  readonly moments: Float64Array;
  /** Acquisitions that were given up. */
  readonly failed: number;
  /** What the first of them said. */
  readonly failure?: string;
}

export interface TimedLease {
  readonly process: number;
  readonly asked: number;
  readonly got: number;
  readonly ended: number;
}

/** The leases of all processes in the order in which they were held. */
export function merge(timelines: readonly Timeline[]): TimedLease[] {
  const leases = timelines.flatMap(({ moments }, process) =>
    Array.from({ length: moments.length / 3 }, (_, index) => {
      const [asked = NaN, got = NaN, ended = NaN] = moments.subarray(3 * index);
      return { process, asked, got, ended };
    }),
  );
  return leases.sort((a, b) => a.got - b.got);
}
