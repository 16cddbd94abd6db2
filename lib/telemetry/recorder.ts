import type { KnownName } from '../common/call-origin.js';
import { onKnown } from '../common/call-origin.js';
import { runningCoordinators } from '../lock/index.js';
import { listen } from './listening.js';
import type { BackendState, JobMeters, LeaderMeter, LockMeters, MetricSink } from './meters.js';

/** The label of a lock, job or election that has no template, and was not allowed by its name. */
export const OTHER = 'other';

/** The label of a coordinator without a name. */
const DEFAULT = 'default';

/** The facts that decide which meters a lock has. */
interface OfLock {
  readonly lock: string;
  readonly template?: string;
  readonly function?: string;
}

/**
 * Brings the events of the channels to the meters of a sink. A label is the template of a decorated method, or the name of its job or
 * election, all of which are known beforehand; or a name that was allowed. Everything else is `other`, so that a label never has a
 * rendered name.
 */
export class Recorder {
  /** By template and method. */
  readonly #locks = new Map<string | undefined, Map<string | undefined, LockMeters>>();
  readonly #allowed = new Map<string, LockMeters>();
  readonly #jobs = new Map<string, JobMeters>();
  readonly #elections = new Map<string, LeaderMeter>();
  readonly #down = new Set<string>();
  readonly #otherLock: LockMeters;
  #otherJob?: JobMeters;
  #otherElection?: LeaderMeter;

  /** @param names of locks and elections without a decorator that may be labels */
  constructor(
    private readonly sink: MetricSink,
    names: readonly string[] = [],
  ) {
    this.#otherLock = sink.lock(OTHER, '');
    for (const name of names) this.#allowed.set(name, sink.lock(name, ''));
  }

  /** @returns how to stop it */
  start(): () => void {
    const forget = onKnown((name) => this.#know(name));
    const silence = this.#listen();
    return () => {
      forget();
      silence();
    };
  }

  /** The coordinators that are started in this process. */
  get backends(): readonly BackendState[] {
    return runningCoordinators().map(({ name = DEFAULT, health }) => {
      if (!health) return { coordinator: name, up: !this.#down.has(name) };
      const up = health.nodes.filter((node) => node.up).length;
      return { coordinator: name, up: up >= health.quorum, nodes: { all: health.nodes.length, up } };
    });
  }

  #know({ kind, name, function: method }: KnownName): void {
    if (kind === 'job') this.#job(name as string);
    else if (kind === 'election') this.#election(name as string);
    else {
      const methods = this.#locks.get(name) ?? new Map<string | undefined, LockMeters>();
      this.#locks.set(name, methods);
      methods.set(method, this.sink.lock(name ?? OTHER, method ?? ''));
    }
  }

  #job(name: string): JobMeters {
    const meters = this.#jobs.get(name) ?? this.sink.job(name);
    this.#jobs.set(name, meters);
    return meters;
  }

  #election(name: string): LeaderMeter {
    const meter = this.#elections.get(name) ?? this.sink.election(name);
    this.#elections.set(name, meter);
    return meter;
  }

  #of({ lock, template, function: method }: OfLock): LockMeters {
    return this.#locks.get(template)?.get(method) ?? this.#allowed.get(lock) ?? this.#otherLock;
  }

  #ofJob(name: string): JobMeters {
    return this.#jobs.get(name) ?? (this.#otherJob ??= this.sink.job(OTHER));
  }

  #ofElection(name: string): LeaderMeter {
    if (this.#allowed.has(name)) return this.#election(name);
    return this.#elections.get(name) ?? (this.#otherElection ??= this.sink.election(OTHER));
  }

  #listen(): () => void {
    return listen({
      'lease.waiting': (event) => {
        if (!event.part) this.#of(event).contended();
      },
      'lease.acquired': (event) => {
        if (!event.part) this.#of(event).waited(event.waited / 1000);
      },
      'lease.refused': (event) => this.#of(event).refused(event.reason),
      'lease.released': (event) => this.#held(event),
      'lease.unconfirmed': (event) => this.#held(event),
      'lease.lost': (event) => {
        this.#held(event);
        if (!event.part) this.#of(event).lost(event.reason);
      },
      'job.ended': ({ job, outcome, duration }) => this.#ofJob(job).ended(outcome, duration / 1000),
      'job.skipped': ({ job, reason }) => this.#ofJob(job).skipped(reason),
      'job.missed': ({ job }) => this.#ofJob(job).missed(),
      'leader.elected': ({ election }) => this.#ofElection(election).leads(true),
      'leader.demoted': ({ election }) => this.#ofElection(election).leads(false),
      'backend.up': ({ coordinator = DEFAULT }) => this.#down.delete(coordinator),
      'backend.down': ({ coordinator = DEFAULT }) => this.#down.add(coordinator),
    });
  }

  #held(event: OfLock & { readonly part?: true; readonly held: number }): void {
    if (!event.part) this.#of(event).held(event.held / 1000);
  }
}
