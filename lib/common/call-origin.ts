/**
 * Where a lock is asked for: a decorated method, a job or an election. Each of them makes one such object once, so that a call costs
 * nothing more. The object never has values of a call in it, so that there are few of them.
 */
export interface CallOrigin {
  /** The method, as `ShareController.createSnapshot`. */
  readonly function?: string | undefined;
  /** The template of the lock's name, as `<fName>-<share.id>`. */
  readonly template?: string | undefined;
  /** How many permits there are, of a semaphore. */
  readonly permits?: number | undefined;
}

/** A name of locks, jobs or elections in the application's code. There are few, and all are known when the application has started. */
export interface KnownName {
  readonly kind: 'lock' | 'job' | 'election';
  /** The template of a lock, or the name of a job or an election; undefined for a lock whose name a function makes. */
  readonly name?: string | undefined;
  readonly function?: string | undefined;
}

const known = new Map<string, KnownName>();
const listeners = new Set<(name: KnownName) => void>();

/** Tells dashboards of a name before its first event, so that they show a zero for events that have not happened. */
export function makeKnown(name: KnownName): void {
  const key = JSON.stringify([name.kind, name.name, name.function]);
  if (known.has(key)) return;
  known.set(key, name);
  for (const listener of listeners) listener(name);
}

/** Calls `listener` for every name that is known, and for each that comes. @returns how to stop that */
export function onKnown(listener: (name: KnownName) => void): () => void {
  for (const name of known.values()) listener(name);
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}
