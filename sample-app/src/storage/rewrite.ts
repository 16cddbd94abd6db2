import { open } from 'node:fs/promises';
import { constants } from 'node:fs';

/**
 * Puts `text` in the place of what the file holds, unless the lease behind `signal` was lost: then another writer may
 * be at work already, and this one must not come late.
 *
 * One write, then cut to length: a process that is killed in between leaves the new text with the old tail.
 *
 * @throws the signal's reason, `LeaseLostError`
 */
export async function rewrite(path: string, text: string, signal: AbortSignal): Promise<void> {
  const file = await open(path, constants.O_WRONLY | constants.O_CREAT, 0o644);
  try {
    signal.throwIfAborted();
    const { bytesWritten } = await file.write(text, 0);
    await file.truncate(bytesWritten);
  } finally {
    await file.close();
  }
}
