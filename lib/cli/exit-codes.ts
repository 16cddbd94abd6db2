/**
 * How the tool ends, for scripts. From sysexits.h where that has a number; `lock` ends with the code of its command otherwise.
 */
export const EXIT = {
  done: 0,
  /** The command found nothing: a lock without a holder could not be broken. */
  nothing: 1,
  /** The command line or the options are wrong. */
  usage: 64,
  /** The back end cannot be used. */
  unavailable: 69,
  /** A fault of this tool. */
  fault: 70,
  /** `lock`: another holder had it for all the time allowed. Nothing was run. */
  notAcquired: 75,
  /** `lock`: the lease was lost while the command ran, and the command was ended. */
  leaseLost: 79,
  /** `lock`: the command cannot be executed, or does not exist; as shells say it. */
  notExecutable: 126,
  notFound: 127,
} as const;

/** A process that a signal has ended, as shells say it. */
export const SIGNALLED = 128;
