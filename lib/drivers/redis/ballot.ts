import type { NodeError } from './node-error.js';

/** What one node said: done, not ours any more (to a release), who holds it (to an acquisition), or an error. */
export type Answer = 'yes' | 'gone' | Busy | NodeError;

export interface Busy {
  readonly holder: string;
  /** How long the holder's key lasts, ms; negative when it has no ttl. */
  readonly pttl: number;
}

/**
 * One operation on all nodes. Redlock counts the votes and sees numbers only; the ballot travels through it in the
 * place of the key, and keeps what each node really said.
 */
export class Ballot {
  /** By the number of the node; a hole while it has not answered. */
  readonly answers: (Answer | undefined)[] = [];
  /** The fencing token of each node that said yes. */
  readonly tokens: (number | undefined)[] = [];
  /** Of this acquisition; drawn by Redlock. */
  id = '';
  /** Redlock has its result: a vote that is cast now would be nobody's to give back. */
  over = false;

  /** @param hint what a fencing token should be at least, µs; undefined when none is asked for */
  constructor(
    readonly key: string,
    readonly purpose: 'acquire' | 'release',
    readonly hint?: number,
  ) {}

  count(...wanted: Answer[]): number {
    return this.answers.reduce((sum, each) => sum + (each !== undefined && wanted.includes(each) ? 1 : 0), 0);
  }

  get failures(): number {
    return this.answers.reduce((sum, each) => sum + (each instanceof Error ? 1 : 0), 0);
  }

  get busy(): Busy[] {
    return this.answers.filter((each): each is Busy => typeof each === 'object' && 'holder' in each);
  }
}
