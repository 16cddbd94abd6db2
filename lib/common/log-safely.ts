/**
 * Writes to the application's log. One that throws is reported to the process, and stops nothing: what is being logged
 * has happened, and whoever logs it has more to do.
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
