import type { Clock } from '../../common/clock.js';
import type { CoordinatorEventName, CoordinatorEvents } from '../../common/coordinator.events.js';
import type { Facts } from '../source.js';
import type { Level } from '../wire.js';
import { changesBetween } from './changes.js';
import { News } from './news.js';
import { Timeline } from './timeline.js';
import { UsualHolds } from './usual-holds.js';

const HOUR = 3_600_000;
/** So many lost leases are counted at most. */
const LOSSES = 10_000;

/** The events of a coordinator. */
export interface EventsOfCoordinator {
  on<E extends CoordinatorEventName>(event: E, listener: (payload: CoordinatorEvents[E]) => void): () => void;
}

/** The memory of this process for the last minutes: its own events, and the results of the polls of all replicas. */
export class Activity {
  readonly news = new News();
  readonly timeline: Timeline;
  readonly usual = new UsualHolds();
  readonly #stops: (() => void)[] = [];
  #losses: number[] = [];
  #facts?: Facts;
  #down = false;

  constructor(private readonly clock: Clock) {
    this.timeline = new Timeline(() => clock.wall());
  }

  listenTo(coordinator: EventsOfCoordinator): void {
    const on: EventsOfCoordinator['on'] = (event, listener) => {
      const stop = coordinator.on(event, listener);
      this.#stops.push(stop);
      return stop;
    };
    on('lease.acquired', ({ waited }) => this.timeline.waited(waited));
    on('lease.released', ({ lock, held }) => this.usual.add(lock, held));
    on('lease.lost', ({ lock, at, error }) => {
      this.timeline.lost();
      this.#losses = [...this.#losses, this.clock.wall()].slice(-LOSSES);
      this.#tell('watch', 'lost', lock, at, error.message);
    });
    on('backend.down', ({ at, error }) => {
      this.#down = true;
      this.#tell('person', 'down', 'back end', at, error?.message ?? 'does not answer');
    });
    on('backend.up', ({ at }) => {
      // The event comes at the start, too.
      if (this.#down) this.#tell('plain', 'up', 'back end', at, 'answers again');
      this.#down = false;
    });
    on('job.ended', ({ job, at, outcome, error }) => {
      if (outcome === 'succeeded') return;
      const why = error instanceof Error ? error.message : 'its lease was lost';
      this.#tell('watch', outcome, job, at, why);
    });
    on('job.missed', ({ job, at, tick, madeUp }) =>
      this.#tell(
        'watch',
        'missed',
        job,
        at,
        `its tick of ${tick.toISOString()}${madeUp ? '; it is made up for now' : ''}`,
      ),
    );
    on('job.lost', ({ job, at, runner }) => this.#tell('watch', 'lost', job, at, `its run on ${runner}`));
  }

  stop(): void {
    for (const stop of this.#stops.splice(0)) stop();
  }

  /** How many leases this process has lost in the last hour. */
  get losses(): number {
    const since = this.clock.wall() - HOUR;
    this.#losses = this.#losses.filter((at) => at > since);
    return this.#losses.length;
  }

  /** Takes the result of a poll. */
  compare(facts: Facts): void {
    const waiting = facts.locks.reduce((sum, { waiters }) => sum + waiters.length, 0);
    const held = facts.locks.filter(({ holders }) => holders.length > 0).length;
    this.timeline.sample(held, waiting);
    if (this.#facts) for (const change of changesBetween(this.#facts, facts)) this.news.add(change);
    this.#facts = facts;
  }

  broken(name: string, reason: string): void {
    this.#tell('plain', 'broken', name, this.clock.wall(), `from this page: ${reason}`);
  }

  #tell(level: Level, kind: string, name: string, at: number, text: string): void {
    this.news.add({ at, level, kind, name, text });
  }
}
