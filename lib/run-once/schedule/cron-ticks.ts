/** The part of `CronTime` of the package `cron` that is used here. */
export interface CronTimeLike {
  readonly source: unknown;
  readonly realDate?: boolean;
  readonly timeZone?: string;
  readonly utcOffset?: number;
  getNextDateFrom(start: Date, timeZone?: string): { toMillis(): number };
}

/** The class of a `CronTime` that is there, to make another one: the package cannot be resolved from here under pnpm. */
export type CronTimeClass = new (
  source: unknown,
  timeZone?: string | null,
  utcOffset?: number | null,
) => CronTimeLike;

/** The largest window in which a tick is looked for, ms: some 16 years, as 29 February may be 8 years apart. */
const LARGEST_WINDOW = 2 ** 39;

/** Ticks are whole seconds. */
const SECOND = 1000;

/** Further than so many ticks from a known one, a new search takes fewer steps. */
const MOST_STEPS = 16;

/** A window that was doubled until a tick is in it mostly has no more ticks than this. */
const FEW_STEPS = 2;

/**
 * The ticks of one cron expression, as the package `cron` computes them. Another parser would disagree with it about days on which
 * clocks change, and a tick that disagrees with the caller skips a run.
 */
export class CronTicks {
  readonly schedule: string;
  readonly #zone?: string;
  /** The tick that was found last. The next one is mostly the tick after it. */
  #known?: number;

  constructor(private readonly cronTime: CronTimeLike) {
    this.#zone = cronTime.timeZone ?? zoneOf(cronTime.utcOffset);
    this.schedule = `cron ${String(cronTime.source)} (${this.#zone ?? 'local time'})`;
  }

  /** The tick after that time, Unix ms; undefined for a schedule of one date alone, and when no tick follows. */
  after(time: number): number | undefined {
    if (this.cronTime.realDate) return undefined;
    try {
      const next = this.cronTime.getNextDateFrom(new Date(time), this.#zone).toMillis();
      return next > time ? next : undefined;
    } catch {
      // The package gives up where the next date is more than eight years away.
      return undefined;
    }
  }

  /**
   * The latest tick that is not after that time; undefined where there was none. The package only knows the next tick. So the search
   * doubles a window before the time until a tick is in it, and halves the window until few ticks are.
   */
  upTo(time: number): number | undefined {
    if (this.cronTime.realDate) return dateOf(this.cronTime.source);
    const tick = this.#walk(this.#known, time) ?? this.#walk(this.#search(time), time);
    if (tick !== undefined) this.#known = tick;
    return tick;
  }

  /** From one tick to the next, up to that time; undefined when that takes many steps. */
  #walk(from: number | undefined, time: number, most = MOST_STEPS): number | undefined {
    if (from === undefined || from > time) return undefined;
    let tick = from;
    for (let step = 0; step < most; step += 1) {
      const next = this.after(tick);
      if (next === undefined || next > time) return tick;
      tick = next;
    }
    return undefined;
  }

  /**
   * The latest tick before that time. When an hour comes twice in autumn, a schedule of that hour has its tick in the first of the two.
   * From that tick the next one is on another day. From a time between the two hours the package finds the same tick once more.
   */
  #search(time: number): number | undefined {
    const tick = this.#latest(time);
    const before = tick === undefined ? undefined : this.#latest(tick - 1, Math.max(SECOND, time - tick));
    return before !== undefined && (this.after(before) ?? time) > time ? before : tick;
  }

  #latest(time: number, from = SECOND): number | undefined {
    let [empty, full] = [0, from];
    let first = this.#first(full, time);
    for (; first === undefined; first = this.#first(full, time)) {
      empty = full;
      full *= 2;
      if (full > LARGEST_WINDOW) return undefined;
    }
    let walked: number | undefined;
    while (full - empty > SECOND) {
      // Mostly finds it at once: few ticks are there.
      const tick = first === walked ? undefined : this.#walk(first, time, FEW_STEPS);
      if (tick !== undefined) return tick;
      walked = first;
      const middle = Math.ceil((empty + full) / 2);
      const later = this.#first(middle, time);
      if (later === undefined) empty = middle;
      else [full, first] = [middle, later];
    }
    return this.after(time - full);
  }

  /** The first tick in the `window` ms before that time. */
  #first(window: number, time: number): number | undefined {
    const next = this.after(time - window);
    return next !== undefined && next <= time ? next : undefined;
  }
}

/** The package's name for a zone of a fixed offset, given in minutes. */
function zoneOf(utcOffset: number | undefined): string | undefined {
  if (utcOffset === undefined) return undefined;
  const minutes = Math.abs(utcOffset);
  const [hours, rest] = [Math.trunc(minutes / 60), minutes % 60];
  const digits = (value: number): string => String(value).padStart(2, '0');
  return `UTC${utcOffset < 0 ? '-' : '+'}${digits(hours)}:${digits(rest)}`;
}

/** The date of a schedule that has one: a DateTime of luxon. */
function dateOf(source: unknown): number | undefined {
  const time = Number(source);
  return Number.isFinite(time) ? time : undefined;
}
