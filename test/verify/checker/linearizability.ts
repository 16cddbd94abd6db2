/*
 * Whether a history of concurrent operations can be explained by some order of single steps, each taken between its
 * invocation and its return.
 *
 * The search is that of J. M. Wing and C. Gong, "Testing and Verifying Concurrent Objects" (J. Parallel Distrib.
 * Comput. 17, 1993), with the memoization of G. Lowe, "Testing for linearizability" (Concurrency and Computation 29,
 * 2017), as in A. Athalye's Porcupine (https://github.com/anishathalye/porcupine); linearizability itself is from
 * M. Herlihy and J. Wing (TOPLAS 12, 1990). Objects are independent, so each one's history is checked by itself.
 */

/** One operation on one object. */
export interface Interval<T> {
  readonly invoked: number;
  /** Infinity for an operation that was never answered: it may have happened at any time after, or not at all. */
  readonly returned: number;
  readonly step: T;
}

/** What the object does, one step at a time. States are compared by their text. */
export interface Model<T, S> {
  readonly initial: S;
  /** The state after the step, or undefined when the step cannot give what was seen. Always a state for one without an answer. */
  next(state: S, step: T): S | undefined;
  key(state: S): string;
}

/** A call or a return in the list of what is not explained yet, in the order of time. */
interface Event {
  readonly id: number;
  /** The return of a call; undefined for a return. */
  readonly match?: Event;
  readonly time: number;
  before?: Event;
  after?: Event;
}

export function isLinearizable<T, S>(history: readonly Interval<T>[], model: Model<T, S>): boolean {
  // Those without an answer come last, so that what has been explained stays a run of numbers with a short fringe.
  const operations = [...history].sort((a, b) => answered(b) - answered(a) || a.invoked - b.invoked);
  const completed = operations.filter(({ returned }) => returned !== Infinity).length;
  const head = eventsOf(operations);
  const explained = new Explained(operations.length);
  const seen = new Set<string>();
  const taken: { readonly call: Event; readonly state: S }[] = [];
  let state = model.initial;
  let event = head.after;
  while (explained.below(completed) < completed && event) {
    const step = operations[event.id]?.step as T;
    if (event.match) {
      const next = model.next(state, step);
      if (next !== undefined && explained.wouldBeNew(event.id, model.key(next), seen)) {
        taken.push({ call: event, state });
        state = next;
        explained.add(event.id);
        lift(event);
        event = head.after;
      } else event = event.after;
    } else {
      // Something had to happen before this return, and nothing fits: take the last step back.
      const last = taken.pop();
      if (!last) return false;
      state = last.state;
      explained.delete(last.call.id);
      putBack(last.call);
      event = last.call.after;
    }
  }
  return explained.below(completed) === completed;
}

function answered(interval: Interval<unknown>): number {
  return interval.returned === Infinity ? 0 : 1;
}

/** A list with an event of its own in front. At one moment calls come before returns: they overlap. */
function eventsOf(operations: readonly Interval<unknown>[]): Event {
  const events = operations.flatMap(({ invoked, returned }, id): Event[] => {
    const match: Event = { id, time: returned };
    return [{ id, match, time: invoked }, match];
  });
  events.sort((a, b) => a.time - b.time || (a.match ? 0 : 1) - (b.match ? 0 : 1));
  const head: Event = { id: -1, time: -Infinity };
  let last = head;
  for (const event of events) {
    event.before = last;
    last.after = event;
    last = event;
  }
  return head;
}

function unlink(event: Event): void {
  if (event.before) event.before.after = event.after;
  if (event.after) event.after.before = event.before;
}

function relink(event: Event): void {
  if (event.before) event.before.after = event;
  if (event.after) event.after.before = event;
}

function lift(call: Event): void {
  unlink(call);
  if (call.match) unlink(call.match);
}

function putBack(call: Event): void {
  if (call.match) relink(call.match);
  relink(call);
}

/** The operations that have been explained, as a set with a short text: all below a number, and a few more. */
class Explained {
  readonly #flags: Uint8Array;
  /** All below are explained. */
  #base = 0;
  /** None from here on is. */
  #top = 0;

  constructor(size: number) {
    this.#flags = new Uint8Array(size);
  }

  /** How many of the first `limit` are explained, if these are all; else a smaller number. */
  below(limit: number): number {
    return Math.min(this.#base, limit);
  }

  add(id: number): void {
    this.#flags[id] = 1;
    this.#top = Math.max(this.#top, id + 1);
    while (this.#flags[this.#base] === 1) this.#base += 1;
  }

  delete(id: number): void {
    this.#flags[id] = 0;
    this.#base = Math.min(this.#base, id);
    while (this.#top > 0 && this.#flags[this.#top - 1] !== 1) this.#top -= 1;
  }

  /** Lowe's memoization: the same operations explained with the same state after them need no second look. */
  wouldBeNew(id: number, state: string, seen: Set<string>): boolean {
    this.add(id);
    const fringe: number[] = [];
    for (let each = this.#base; each < this.#top; each += 1) if (this.#flags[each] === 1) fringe.push(each);
    const key = `${this.#base}+${fringe.join()}:${state}`;
    this.delete(id);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  }
}
