/**
 * - `ok`: as it should be
 * - `note`: worth knowing, and nothing to do
 * - `warning`: it works, and something makes it less safe, slower, or will break it
 * - `problem`: it does not work, or two replicas may hold a lock
 */
export type Level = 'ok' | 'note' | 'warning' | 'problem';

/** One thing that was looked at. Holds no secret. */
export interface Finding {
  readonly level: Level;
  /** What was looked at, for programs: `reach`, `rights`, `clock`, … */
  readonly check: string;
  /** The node, server or directory. */
  readonly where: string;
  /** What it is. */
  readonly what: string;
  /** What follows from it. */
  readonly means?: string | undefined;
  /** What to do about it. */
  readonly todo?: string | undefined;
}

type More = Pick<Finding, 'means' | 'todo'>;

/** What was found at one place, in the order in which it was looked at. */
export class Findings {
  readonly all: Finding[] = [];

  constructor(private readonly where: string) {}

  ok(check: string, what: string): void {
    this.#add('ok', check, what, {});
  }

  note(check: string, what: string, means?: string, todo?: string): void {
    this.#add('note', check, what, { means, todo });
  }

  warning(check: string, what: string, means: string, todo: string): void {
    this.#add('warning', check, what, { means, todo });
  }

  problem(check: string, what: string, means: string, todo: string): void {
    this.#add('problem', check, what, { means, todo });
  }

  #add(level: Level, check: string, what: string, more: More): void {
    this.all.push({ level, check, where: this.where, what, ...more });
  }
}

/** What a doctor says that could be examined, or not. */
export interface Diagnosis {
  /** The kind of back end; undefined where the options do not say it. */
  readonly backend: string | undefined;
  readonly findings: readonly Finding[];
  readonly problems: number;
  readonly warnings: number;
}

export function diagnosisOf(backend: string | undefined, findings: readonly Finding[]): Diagnosis {
  const count = (level: Level): number => findings.filter((finding) => finding.level === level).length;
  return { backend, findings, problems: count('problem'), warnings: count('warning') };
}
