import { lockKind, type Locks, type Place } from './locks/index.js';
import type { Contender, Figures, Setup } from './scenario.js';
import { within } from './within.js';

/** How long closing may take, ms. */
const LIMIT = 2000;

/**
 * A contender for each kind of locks, in this process. Each connects at its first round, so that one that cannot is
 * reported as every other failure.
 *
 * @param prepare makes what measures one round
 * @param limit how long a round may take, ms
 */
export function contendersHere(
  kinds: readonly string[],
  place: Place,
  prepare: (locks: Locks, kind: string) => (size: number) => Promise<Figures>,
  limit?: number,
): Setup {
  const opened: Locks[] = [];
  const contenders = kinds.map((id): Contender => {
    const { name, open } = lockKind(id);
    let measure: ReturnType<typeof prepare> | undefined;
    return {
      name,
      limit,
      measure: async (size) => {
        if (!measure) {
          const locks = await open(place);
          opened.push(locks);
          measure = prepare(locks, id);
        }
        return measure(size);
      },
    };
  });
  return { contenders, close: () => closeAll(opened) };
}

/** Ends what can be ended in time; the process that measures goes on without the rest. */
export async function closeAll(opened: readonly Locks[]): Promise<void> {
  await Promise.all(opened.map((locks) => within(LIMIT, locks.close()).catch(() => undefined)));
}

/** No contender, but something to close. */
export function closing(resource: { close: () => void }): Setup {
  return { contenders: [], close: () => Promise.resolve(resource.close()) };
}

export function merged(...setups: readonly Setup[]): Setup {
  return {
    contenders: setups.flatMap(({ contenders }) => contenders),
    close: () => Promise.all(setups.map(({ close }) => close())),
  };
}
