import { eventually } from './eventually.js';

/** Breaks a lock; a holder in another process which a busy machine keeps from answering is asked again. */
export async function breakAnswered(breakIt: () => Promise<boolean>): Promise<boolean> {
  const { broken } = await eventually(() =>
    breakIt().then(
      (value) => ({ broken: value }),
      (error: unknown) => {
        if (/does not answer/.test(String(error))) return undefined;
        throw error;
      },
    ),
  );
  return broken;
}
