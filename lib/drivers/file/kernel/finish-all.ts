/** Runs each of these even if others fail, and throws the first failure at the end. */
export function finishAll(endings: readonly (() => void)[]): void {
  let failed = false;
  let first: unknown;
  for (const end of endings) {
    try {
      end();
    } catch (error) {
      if (!failed) first = error;
      failed = true;
    }
  }
  if (failed) throw first;
}
