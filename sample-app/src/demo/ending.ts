import { constants } from 'node:os';

const ASKED_BY = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** npm passes on the SIGINT that the terminal has sent to everybody already: a second one so early, ms, is no new one. */
const ECHO = 1000;

/** Somebody wants the demonstration to end. */
export class Ended extends Error {
  constructor(readonly signal: (typeof ASKED_BY)[number] | 'SIGPIPE') {
    super(`Ended by ${signal}`);
  }

  /** As a shell shows it. */
  get exitCode(): number {
    return 128 + constants.signals[this.signal];
  }
}

/**
 * Aborts, with {@link Ended}, at the first Ctrl-C, SIGTERM or SIGHUP, or when nobody reads the output any more.
 * @param onSecond called when somebody has lost waitLimit
 */
export function endingSignal(onSecond: () => void): AbortSignal {
  const ending = new AbortController();
  let since = 0;
  for (const signal of ASKED_BY) {
    process.on(signal, () => {
      if (ending.signal.aborted) {
        if (performance.now() - since > ECHO) onSecond();
        return;
      }
      since = performance.now();
      ending.abort(new Ended(signal));
    });
  }
  // Who read our output is gone, as after `| head`.
  process.stdout.on('error', () => ending.abort(new Ended('SIGPIPE')));
  return ending.signal;
}
