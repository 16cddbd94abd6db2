/** A change to one file. */
export interface Edit {
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly find: string;
  readonly replace: string;
}

/** What has to notice a breakage. */
export interface Finder {
  /** Run in a copy of the project, where it has to fail. */
  readonly command: string;
  /** What it has to say; the first group, if there is one, is the seed. */
  readonly report: RegExp;
}

/** A mistake that somebody could make in this library, and how it comes to light. */
export interface Breakage {
  readonly name: string;
  /** What goes wrong with it, in one line. */
  readonly wrong: string;
  readonly edits: readonly Edit[];
  readonly foundBy: Finder;
}

/**
 * The simulation finds it, in one of its first seeds.
 *
 * @param what a pattern for how its report begins: the judge, and perhaps what it says
 */
export function simulation(campaign: 1 | 2, what: string, seeds = 1000): Finder {
  return {
    command: `npm run simulate -- --campaign ${campaign} --first --seeds ${seeds}`,
    report: violation(what),
  };
}

/** The fault suite finds it, on real processes, whose timing is not the same in each run of a seed. */
export function faults(backend: 'redis' | 'file', campaign: 1 | 2, seed: string, what: string): Finder {
  return {
    command: `npm run faults -- --backend ${backend} --campaign ${campaign} --seed ${seed} --seconds 60 --quiet`,
    report: violation(what),
  };
}

/** As the suites print it. */
function violation(what: string): RegExp {
  return new RegExp(`^ {2}seed (\\S+): (?:${what})`, 'm');
}

/** A test finds it. */
export function spec(file: string, test: string): Finder {
  return {
    command: `npx vitest run ${file}`,
    // Before the file stands the project that it belongs to.
    report: new RegExp(`FAIL +(?:\\|\\w+\\| +)?${literal(file)} > .*${literal(test)}`),
  };
}

function literal(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}
