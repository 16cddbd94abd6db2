/**
 * Where a lock is asked for: known of decorated methods, jobs and elections. There is one such object for each of them, made once, so that
 * a call costs nothing more. It never has values of a call in it, so that there are few of them.
 */
export interface CallOrigin {
  /** The method, as `ShareController.createSnapshot`. */
  readonly function?: string | undefined;
  /** What the lock's name is made of, as `<fName>-<share.id>`. */
  readonly template?: string | undefined;
  /** How many permits there are, of a semaphore. */
  readonly permits?: number | undefined;
}

/** Something of the application that locks, jobs or elections are named after; there are few, and they are known when it has started. */
export interface KnownName {
  readonly kind: 'lock' | 'job' | 'election';
  /** The template of a lock, or the name of a job or an election; undefined for a lock whose name a function makes. */
  readonly name?: string | undefined;
  readonly function?: string | undefined;
}

const known = new Map<string, KnownName>();
const listeners = new Set<(name: KnownName) => void>();

/** Tells dashboards of a name before its first event, so that they show a zero for what has not happened. */
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
