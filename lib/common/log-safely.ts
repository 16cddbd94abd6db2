/**
 * Writes to the application's log. An error of the logger becomes a warning of the process and stops nothing: the event that is logged
 * has happened, and the code that logs it has more to do.
 */
export function logSafely(write: () => void): void {
  try {
    write();
  } catch (error) {
    reportLogFailure(error);
  }
}

export function reportLogFailure(error: unknown): void {
  process.emitWarning(`nestjs-coordination: the application's logger failed: ${String(error)}`);
}
