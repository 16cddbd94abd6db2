/**
 * - `ok`: as it should be
 * - `note`: worth knowing, and nothing to do
 * - `warning`: it works, and something makes it less safe, slower, or will break it
 * - `problem`: it does not work, or two replicas may hold a lock
 */
export type Level = 'ok' | 'note' | 'warning' | 'problem';

/** The result of one check. Holds no secret. */
export interface Finding {
  readonly level: Level;
  /** The name of the check, for programs: `reach`, `rights`, `clock`, … */
  readonly check: string;
  /** The node, server or directory. */
  readonly where: string;
  /** What the check found. */
  readonly what: string;
  /** What follows from it. */
  readonly means?: string | undefined;
  /** What to do about it. */
  readonly todo?: string | undefined;
}

type More = Pick<Finding, 'means' | 'todo'>;

/** The findings at one place, in the order of the checks. */
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

/** The result of an examination, also of a back end that could not be examined. */
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
