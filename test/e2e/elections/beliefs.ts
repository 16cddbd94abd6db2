/** One look of a process at its own flag, which said that it leads. Times on CLOCK_MONOTONIC, ms. */
interface Look {
  readonly pid: number;
  readonly term: number;
  readonly before: number;
  readonly after: number;
}

/** From one time to another a process believed for certain that it led. */
interface Belief {
  readonly pid: number;
  readonly term: number;
  readonly from: number;
  readonly to: number;
}

export interface Verdict {
  /** How many terms were led. */
  readonly terms: number;
  readonly faults: readonly string[];
}

/**
 * Judges what processes believed: no two that lead at one time, no term with two leaders, and terms that grow.
 *
 * A look was true at some moment between its two times. So a process believed for certain from the end of its first look of a term to the
 * beginning of its last one.
 */
export function judge(lines: readonly string[]): Verdict {
  const beliefs = beliefsOf(lines.map(lookOf)).toSorted((a, b) => a.from - b.from);
  const faults: string[] = [];
  for (const [index, later] of beliefs.entries()) {
    for (const earlier of beliefs.slice(0, index)) {
      const names = `${earlier.pid} in term ${earlier.term} and ${later.pid} in term ${later.term}`;
      if (earlier.term === later.term) faults.push(`two led one term: ${names}`);
      if (later.from <= earlier.to)
        faults.push(`two led at once, for ${(earlier.to - later.from).toFixed(1)} ms at least: ${names}`);
      else if (later.term < earlier.term) faults.push(`a term went back: ${names}`);
    }
  }
  return { terms: beliefs.length, faults };
}

function lookOf(line: string): Look {
  const [pid = 0, term = 0, before = 0, after = 0] = line.split(' ').map(Number);
  return { pid, term, before, after };
}

function beliefsOf(looks: readonly Look[]): Belief[] {
  const beliefs = new Map<string, Belief>();
  for (const { pid, term, before, after } of looks) {
    const key = `${pid} ${term}`;
    const { from, to } = beliefs.get(key) ?? { from: after, to: after };
    beliefs.set(key, { pid, term, from, to: Math.max(to, before) });
  }
  return [...beliefs.values()];
}
