/** What a vote has decided. */
export type Decision = 'for' | 'against';

/** Counts the votes on one question, until a quorum is for it or against it. A node whose vote is unknown is not counted. */
export class VoteCount {
  #inFavour = 0;
  #against = 0;

  constructor(private readonly quorum: number) {}

  /** @returns what this very vote has decided; undefined when it has decided nothing, or all was decided before */
  add(inFavour: boolean): Decision | undefined {
    if (inFavour) {
      this.#inFavour += 1;
      return this.#inFavour === this.quorum ? 'for' : undefined;
    }
    this.#against += 1;
    return this.#against === this.quorum ? 'against' : undefined;
  }

  get decision(): Decision | undefined {
    if (this.#inFavour >= this.quorum) return 'for';
    return this.#against >= this.quorum ? 'against' : undefined;
  }

  /** How many votes were counted. */
  get counted(): number {
    return this.#inFavour + this.#against;
  }
}
