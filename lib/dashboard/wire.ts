/** The data that the server sends to the page, as JSON. Ages are in ms at the time of `at`: the clocks of browser and server differ. */

/** How much something matters: `person` needs one, `watch` is unusual, `plain` is neither. */
export type Level = 'plain' | 'watch' | 'person';

export interface View {
  /** When the back end was asked last, Unix time in ms. */
  readonly at: number;
  /** The replica that answers. */
  readonly agentId: string;
  /** In front of every lock's name on the back end. */
  readonly prefix: string;
  readonly health: Health;
  readonly totals: Totals;
  readonly chart: Chart;
  readonly locks: Listed<LockRow>;
  readonly queues: Listed<QueueRow>;
  readonly jobs: Listed<JobRow>;
  readonly members: Listed<MemberRow>;
  /** Newest first. */
  readonly events: readonly EventRow[];
}

/** The rows that matter most, of all that there are. */
export interface Listed<Row> {
  readonly rows: readonly Row[];
  /** How many the search leaves. */
  readonly matching: number;
  readonly total: number;
}

export interface Health {
  readonly level: Level;
  readonly text: string;
  readonly notes: readonly Note[];
  /** Set while the back end does not answer: how old the rest of the view is, ms. */
  readonly staleFor?: number;
}

export interface Note {
  readonly level: Level;
  readonly text: string;
}

export interface Totals {
  readonly members: number;
  readonly held: number;
  readonly waiting: number;
  /** ms */
  readonly longestWait?: number;
  /** The 95th percentile of waits of the answering replica's calls in the last five minutes, ms. */
  readonly wait95?: number;
  /** Leases that the answering replica has lost in the last hour. */
  readonly lost: number;
}

export interface Chart {
  /** How long a point lasts, ms. */
  readonly step: number;
  /** Oldest first, without a gap; the last one is not over yet. */
  readonly points: readonly ChartPoint[];
}

export interface ChartPoint {
  /** When it began, Unix time in ms. */
  readonly at: number;
  /** The most locks that were held, and calls that waited, over all replicas; absent while no viewer looked. */
  readonly held?: number;
  readonly waiting?: number;
  /** How long the calls of the answering replica waited, ms; absent without calls. */
  readonly wait95?: number;
  /** Leases that the answering replica lost. */
  readonly lost: number;
}

export interface LockRow {
  readonly name: string;
  /** `lock`, `semaphore`, `job` or `once`. */
  readonly kind: string;
  /** What is special about it, to be shown. */
  readonly badge?: string;
  readonly holders: readonly string[];
  readonly function?: string;
  /** How long the oldest holder has had it, ms. */
  readonly heldFor?: number;
  /** How long a hold of this lock usually lasts, ms. */
  readonly usually?: number;
  /** After how long a lease that is not renewed ends, ms. */
  readonly ttl: number;
  readonly level: Level;
  readonly waiting: number;
  readonly longestWait?: number;
  readonly token?: number;
}

export interface QueueRow {
  readonly name: string;
  readonly waiting: number;
  readonly longestWait: number;
  /** The first ones. */
  readonly waiters: readonly {
    readonly agentId: string;
    readonly function?: string;
    readonly waited: number;
  }[];
}

export interface MemberRow {
  readonly agentId: string;
  /** Tells two processes of one name apart. */
  readonly incarnation: string;
  readonly here: boolean;
  readonly leads: readonly string[];
  readonly process: string;
  readonly upFor?: number;
  readonly held: number;
  readonly waiting: number;
  readonly seenAgo: number;
  readonly level: Level;
}

export interface JobRow {
  readonly name: string;
  readonly schedule?: string;
  /** Oldest first. */
  readonly runs: readonly RunBar[];
  readonly running: boolean;
  readonly last?: {
    readonly ago: number;
    readonly took?: number;
    readonly outcome: RunBar['outcome'];
    readonly on: string;
  };
  /** The message of the last run, when it failed. */
  readonly error?: string;
  /** ms from now; below zero when the tick is over and no run of it is known. */
  readonly nextIn?: number;
  /** In a row. */
  readonly failures: number;
  readonly level: Level;
}

export interface RunBar {
  readonly outcome: 'running' | 'succeeded' | 'failed' | 'lost';
  /** ms */
  readonly took?: number;
  readonly madeUp: boolean;
  /** Unix time in ms. */
  readonly at: number;
}

export interface EventRow {
  readonly id: number;
  /** Unix time in ms. */
  readonly at: number;
  readonly level: Level;
  /** One word. */
  readonly kind: string;
  /** A lock, a job, an election or a replica. */
  readonly name: string;
  readonly text: string;
}
