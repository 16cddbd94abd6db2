/** What a judge found. A stall costs somebody time, and so does a turn out of order; everything else breaks a promise about data. */
export interface Violation {
  readonly judge:
    | 'bounds'
    | 'exclusion'
    | 'token order'
    | 'token repeated'
    | 'register'
    | 'lost update'
    | 'order'
    | 'tick repeated'
    | 'tick missed'
    | 'run not repeated'
    | 'record went back'
    | 'stall'
    | 'leftover';
  readonly lock: string;
  /** One line for people, with the times on the judge's clock, ms. */
  readonly message: string;
}

export function ms(time: number): string {
  return `${time.toFixed(3)} ms`;
}
