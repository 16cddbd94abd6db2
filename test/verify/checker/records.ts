/*
 * What a run records, as it happens. Every time is read from the judge's clock, which no fault touches: ms with
 * fractions, the same for all processes of a run. A record is one line of JSON, so that several processes can append
 * to files of their own, and one that is killed loses at most the line it was writing.
 */

/** `ms`: waits at most so long; `once`: one try; `forever`: until it is served. */
export type Budget = number | 'once' | 'forever';

/** A call that asks for a lease. */
export interface Attempt {
  readonly type: 'attempt';
  readonly at: number;
  /** Names this call, over the whole run. */
  readonly attempt: string;
  /** The process or simulated process that asks. */
  readonly worker: string;
  readonly lock: string;
  readonly budget: Budget;
  /** It asks for a share of the lock. */
  readonly shared?: boolean;
  /** It asks for one of so many permits. */
  readonly permits?: number;
}

/** As the options of a lock, ms. */
export interface Bounds {
  readonly minHold: number;
  readonly maxHold: number;
  readonly lockDelay: number;
}

/** How a call ended. Without this record, its process was gone, or the call hung. */
export type AttemptEnd =
  | {
      readonly type: 'granted';
      /** When the caller had the lease in its hands. */
      readonly at: number;
      readonly attempt: string;
      /** Names this lease, over the whole run. */
      readonly lease: string;
      readonly ttl?: number;
      readonly token?: number;
      /** How long the lock is to be kept, ms. */
      readonly bounds?: Bounds;
      /** What the back end knows it by; leases that are handed on have the same. */
      readonly grant?: string;
    }
  | { readonly type: 'refused'; readonly at: number; readonly attempt: string }
  /** `error`: the kind, for example the error's class. */
  | { readonly type: 'failed'; readonly at: number; readonly attempt: string; readonly error: string };

/**
 * The holder looked (`!lease.signal.aborted`) and saw that it holds the lease. `at` was read *before* the look, so
 * that a process stopped between the two does not stretch what it believed. One record for each look.
 */
export interface Look {
  readonly type: 'held';
  readonly at: number;
  readonly lease: string;
}

/** The end of a lease, as its holder learned it. */
export type LeaseEnding =
  | {
      readonly type: 'released';
      readonly at: number;
      readonly lease: string;
      /** When `release` was called: the holder does not believe in the lease from then on. */
      readonly called: number;
      /** What `release` said; `unconfirmed` when it threw. */
      readonly confirmed: boolean | 'unconfirmed';
    }
  | { readonly type: 'lost'; readonly at: number; readonly lease: string; readonly reason: string };

/** Somebody broke the lock under a grant: its leases may be beside others from now on. */
export interface Broken {
  readonly type: 'broken';
  readonly at: number;
  readonly grant: string;
}

/** A process ended, by itself or killed; its calls and leases need no ending of their own. */
export interface ProcessGone {
  readonly type: 'gone';
  readonly at: number;
  readonly worker: string;
}

/** `fenced`: refuses a token below the largest it has seen, on reads and on writes; `control`: takes everything. */
export type Storage = 'fenced' | 'control';

/** An operation on the register of a lock is sent. A read that has no `return` never happened. */
export interface Invocation {
  readonly type: 'invoke';
  readonly at: number;
  /** Names this operation, over the whole run. */
  readonly operation: string;
  readonly worker: string;
  readonly lock: string;
  readonly storage: Storage;
  readonly kind: 'read' | 'write';
  /** What a write stores. */
  readonly value?: number;
  readonly token?: number;
  readonly lease?: string;
}

/** It has been answered. Without this record it may or may not have happened. */
export interface Return {
  readonly type: 'return';
  readonly at: number;
  readonly operation: string;
  readonly accepted: boolean;
  /** What a read saw. */
  readonly value?: number;
}

/** What a register held when the run was over. All registers begin with 0. */
export interface FinalValue {
  readonly type: 'final';
  readonly at: number;
  readonly lock: string;
  readonly storage: Storage;
  readonly value: number;
}

/** What a node did to somebody in its queue for a lock. */
export interface QueueEvent {
  readonly type: 'queue';
  readonly at: number;
  readonly lock: string;
  /** The queue: that of one node, until it forgets it. */
  readonly queue: string;
  readonly waiter: string;
  /** `passed over`: it has not been heard of for too long. */
  readonly what: 'joined' | 'granted' | 'left' | 'passed over';
}

export interface Fault {
  readonly type: 'fault';
  readonly at: number;
  /** When it was over; left out for what happens in a moment. */
  readonly until?: number;
  /** For example `kill holder`. */
  readonly kind: string;
  readonly target?: string;
}

/** Something worth counting was reached, for example `reply later than the ttl`. */
export interface InterestingState {
  readonly type: 'state';
  readonly at: number;
  readonly name: string;
  /** Default: 1. */
  readonly count?: number;
}

/** The schedule of a process fires for a tick of a job. */
export interface Fired {
  readonly type: 'fired';
  readonly at: number;
  /** Names this firing, over the whole run. */
  readonly occasion: string;
  readonly worker: string;
  readonly job: string;
  /** The fire time, as the process computes it. */
  readonly tick: number;
}

/** The process runs nothing for it. Without this record and without a run, it was gone, or hung. */
export interface Skipped {
  readonly type: 'skipped';
  readonly at: number;
  readonly occasion: string;
  readonly reason: string;
}

/** The body of a job begins: for the tick that fired, or for an earlier one whose run was lost. */
export interface RunStarted {
  readonly type: 'started';
  readonly at: number;
  /** Names this run, over the whole history. */
  readonly run: string;
  readonly occasion: string;
  readonly tick: number;
  readonly attempt: number;
}

/** The body has ended, whether its outcome was stored or not. */
export interface RunEnded {
  readonly type: 'ended';
  readonly at: number;
  readonly run: string;
}

/** A process asks the back end to store that it starts a run; what became of it is not known from this. */
export interface StartWritten {
  readonly type: 'start written';
  readonly at: number;
  readonly worker: string;
  readonly job: string;
  readonly tick: number;
  readonly attempt: number;
}

/** The version of a job's record that a process was told of: by a read, or by a write that was done. 0: there is none. */
export interface VersionSeen {
  readonly type: 'version seen';
  /** When it asked. */
  readonly called: number;
  /** When it had the answer. */
  readonly at: number;
  readonly worker: string;
  readonly job: string;
  readonly version: number;
}

export type JobRecord = Fired | Skipped | RunStarted | RunEnded | StartWritten | VersionSeen;

export type HistoryRecord =
  | Attempt
  | AttemptEnd
  | Look
  | LeaseEnding
  | Broken
  | ProcessGone
  | Invocation
  | Return
  | FinalValue
  | QueueEvent
  | Fault
  | JobRecord
  | InterestingState;

/** One record as a line, with its end. */
export function toLine(record: HistoryRecord): string {
  return `${JSON.stringify(record)}\n`;
}

/**
 * The records of one file.
 * @throws SyntaxError for a line that is not JSON; a last line without an end was cut off by a kill, and is left out
 */
export function parseLines(text: string): HistoryRecord[] {
  const complete = text.slice(0, text.lastIndexOf('\n') + 1);
  return complete
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as HistoryRecord);
}
