import { AsyncResource } from 'node:async_hooks';

/** Runs work in the async context in which this was made, so that it finds the AsyncLocalStorage values of that time. */
export type OwnContext = <T>(work: () => T) => T;

/**
 * The async context of the running code, to come back to. A timer, a reply or another call may be what runs later, and
 * must not be taken for the one that asked. Costs about a microsecond.
 */
export function ownContext(): OwnContext {
  const resource = new AsyncResource('coordination');
  return (work) => resource.runInAsyncScope(work);
}

/**
 * Runs work in no call's context: what serves many calls, as a timer or a log line about the back end, would otherwise
 * be booked on the call that happened to begin it. Made when the package is loaded, which no call does.
 */
export const outsideCalls: OwnContext = ownContext();
