import type { RecordStore, StoredRecord } from '../drivers/driver.js';

/** The space of the records that say how jobs ran. */
export const RUNS = 'runs';

/** Longer texts of errors are cut, as the record is read at every tick. */
const LONGEST_ERROR = 200;

const DAY = 24 * 60 * 60 * 1000;

/** A record is kept for this long after the last run, ms, or for two periods of its schedule. */
const SHORTEST_LIFE = 90 * DAY;

/** A run stays `started` when its runner was killed. */
export type RunState = 'started' | 'succeeded' | 'failed' | 'lost';

/** One run. Times are Unix times in ms, those of the runner's clock. */
export interface PastRun {
  readonly tick: number;
  readonly state: RunState;
  readonly start: number;
  readonly end?: number;
  readonly memberId: string;
  readonly attempt: number;
  readonly madeUp?: boolean;
  readonly error?: string;
}

/** The stored state of a job: its latest run, and some before. */
export interface RunRecord extends PastRun {
  readonly name: string;
  /** The schedule as text: a run of another schedule says nothing about missed ticks. */
  readonly schedule: string;
  /** The tick after this one, where the schedule has ticks. */
  readonly next?: number;
  /** The fencing token of the lease under which the job ran. */
  readonly token: number;
  /** How long after the start this was written, ms. */
  readonly sinceStart: number;
  /** For how long this was stored, ms. */
  readonly life: number;
  readonly success?: { readonly tick: number; readonly end: number };
  /** How many runs in a row have not succeeded. */
  readonly failures: number;
  /** The ids for which it has run, newest first; only of a job that runs once for each id. */
  readonly ids?: readonly string[];
  /** Newest first. */
  readonly history: readonly PastRun[];
}

/** A record, with its times by the back end's clock. */
export interface StoredRun {
  readonly record: RunRecord;
  /** Unix time of the back end, ms, when it answered. */
  readonly at: number;
  /** How long ago the run began, ms. The back end's clock measures it, whatever the clocks of the replicas say. */
  readonly startedAgo: number;
}

/** The version of a record under its lease: first that of the start, then that of the outcome. Both are above those of earlier leases. */
export function versionOf({ token, state }: RunRecord): number {
  return state === 'started' ? 2 * token : 2 * token + 1;
}

/** How long a record has to be kept, ms. */
export function lifeOf(tick: number, next: number | undefined): number {
  return Math.max(SHORTEST_LIFE, 2 * ((next ?? tick) - tick));
}

/** The text of an error as it is stored, and shown to people. */
export function errorText(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.length > LONGEST_ERROR ? `${text.slice(0, LONGEST_ERROR - 1)}…` : text;
}

/** The history's entry of a run that another run follows. A run that never wrote its outcome counts as lost. */
export function pastRun(record: RunRecord): PastRun {
  const { tick, state, start, end, memberId, attempt, madeUp, error } = record;
  return {
    tick,
    state: state === 'started' ? 'lost' : state,
    start,
    ...(end !== undefined && { end }),
    memberId,
    attempt,
    ...(madeUp && { madeUp }),
    ...(error !== undefined && { error }),
  };
}

/** Where a coordinator keeps its records. */
interface RecordKeeper {
  readonly records: RecordStore;
  readonly settings: { readonly prefix: string };
}

export function recordsOf({ records, settings }: RecordKeeper): RunRecords {
  return new RunRecords(records, settings.prefix);
}

/** The run records of one coordinator. */
export class RunRecords {
  constructor(
    private readonly store: RecordStore,
    private readonly prefix: string,
  ) {}

  async get(name: string): Promise<StoredRun | undefined> {
    return runOf(await this.store.get(RUNS, this.prefix + name));
  }

  async list(): Promise<readonly StoredRun[]> {
    const all = await this.store.list(RUNS);
    return all.filter(({ key }) => key.startsWith(this.prefix)).flatMap((stored) => runOf(stored) ?? []);
  }

  /** @returns the stored record; undefined when another, newer record is there */
  async put(record: RunRecord): Promise<StoredRun | undefined> {
    const value = JSON.stringify(record);
    const key = this.prefix + record.name;
    const stored = await this.store.put({ space: RUNS, key, version: versionOf(record), value }, record.life);
    return stored.value === value ? runOf(stored) : undefined;
  }

  async remove(record: RunRecord): Promise<void> {
    await this.store.remove(RUNS, this.prefix + record.name, versionOf(record));
  }
}

/** Undefined for a value that no version of this package has written. */
function runOf(stored: StoredRecord | undefined): StoredRun | undefined {
  if (!stored) return undefined;
  const record = parsed(stored.value);
  if (!record) return undefined;
  return { record, at: stored.at, startedAgo: record.life - stored.remaining + record.sinceStart };
}

function parsed(value: string): RunRecord | undefined {
  try {
    const record = JSON.parse(value) as Partial<RunRecord> | null;
    const whole = typeof record?.tick === 'number' && typeof record.life === 'number';
    return whole ? (record as RunRecord) : undefined;
  } catch {
    // See above.
    return undefined;
  }
}
