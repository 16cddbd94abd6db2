import type { Counter, Gauge, Histogram, Registry } from 'prom-client';
import {
  BUCKETS,
  JOB_OUTCOMES,
  type JobMeters,
  type LeaderMeter,
  type LockMeters,
  LOSS_REASONS,
  type MetricSink,
  REFUSAL_REASONS,
} from './meters.js';
import { Recorder } from './recorder.js';
import { sharedUse } from './shared.js';

type PromClient = typeof import('prom-client');

/**
 * A `Registry` of prom-client.
 * @publicApi
 */
export interface PrometheusRegistry {
  /** The metric of that name, if it is registered. */
  getSingleMetric(name: string): unknown;
  /** Removes the metric of that name. */
  removeSingleMetric(name: string): void;
}

/**
 * The names that may be labels.
 * @publicApi
 */
export interface MetricsOptions {
  /**
   * Names of locks and elections that no decorator takes and that may be labels, because there are few of them. All other such names
   * have the label `other`.
   */
  readonly names?: readonly string[];
}

/**
 * Registers the metrics of all coordinators of this process with prom-client, until the function that it resolves to is called. Does
 * nothing for a registry that has them.
 *
 * @param registry default: the global one of prom-client
 * @throws when prom-client is not installed, or the registry has a metric of such a name
 * @example
 * const stop = await registerMetrics(register);
 *
 * @publicApi
 */
export async function registerMetrics(
  registry?: PrometheusRegistry,
  { names }: MetricsOptions = {},
): Promise<() => void> {
  const client = await import('prom-client');
  const target = (registry ?? client.register) as Registry;
  return sharedUse(target, () => {
    const sink = new PrometheusSink(client, target);
    const recorder = new Recorder(sink, names);
    sink.showBackends(() => recorder.backends);
    const stop = recorder.start();
    return () => {
      stop();
      sink.remove();
    };
  });
}

const LOCK_LABELS = ['lock', 'function'] as const;

class PrometheusSink implements MetricSink {
  readonly #made: string[] = [];
  readonly #wait: Histogram<'lock' | 'function'>;
  readonly #hold: Histogram<'lock' | 'function'>;
  readonly #contended: Counter<'lock' | 'function'>;
  readonly #refused: Counter<'lock' | 'function' | 'reason'>;
  readonly #lost: Counter<'lock' | 'function' | 'reason'>;
  readonly #runs: Counter<'job' | 'outcome'>;
  readonly #duration: Histogram<'job'>;
  readonly #skipped: Counter<'job' | 'reason'>;
  readonly #missed: Counter<'job'>;
  readonly #leader: Gauge<'election'>;

  constructor(
    private readonly client: PromClient,
    private readonly registry: Registry,
  ) {
    this.#wait = this.#histogram('lock_wait_seconds', 'Time from the call to the lock', LOCK_LABELS);
    this.#hold = this.#histogram('lock_hold_seconds', 'Time from the lock to its end', LOCK_LABELS);
    this.#contended = this.#counter('lock_contended_total', 'Calls that had to wait', LOCK_LABELS);
    const withReason = [...LOCK_LABELS, 'reason'] as const;
    this.#refused = this.#counter('lock_refused_total', 'Calls that did not get the lock', withReason);
    this.#lost = this.#counter('lock_lost_total', 'Leases that ended while their work ran', withReason);
    this.#runs = this.#counter('job_runs_total', 'Runs that ended on this replica', ['job', 'outcome']);
    this.#duration = this.#histogram('job_duration_seconds', 'How long runs took on this replica', ['job']);
    this.#skipped = this.#counter('job_skipped_total', 'Ticks this replica did not run', ['job', 'reason']);
    this.#missed = this.#counter('job_missed_total', 'Ticks that no replica has run', ['job']);
    this.#leader = this.#gauge('leader', 'Whether this replica leads', ['election']);
  }

  lock(lock: string, method: string): LockMeters {
    const labels = { lock, function: method };
    this.#wait.zero(labels);
    this.#hold.zero(labels);
    const wait = this.#wait.labels(labels);
    const hold = this.#hold.labels(labels);
    const contended = this.#contended.labels(labels);
    contended.inc(0);
    for (const reason of REFUSAL_REASONS) this.#refused.inc({ ...labels, reason }, 0);
    for (const reason of LOSS_REASONS) this.#lost.inc({ ...labels, reason }, 0);
    return {
      waited: (seconds) => wait.observe(seconds),
      held: (seconds) => hold.observe(seconds),
      contended: () => contended.inc(),
      refused: (reason) => this.#refused.inc({ ...labels, reason }),
      lost: (reason) => this.#lost.inc({ ...labels, reason }),
    };
  }

  job(job: string): JobMeters {
    this.#duration.zero({ job });
    this.#missed.inc({ job }, 0);
    for (const outcome of JOB_OUTCOMES) this.#runs.inc({ job, outcome }, 0);
    return {
      ended: (outcome, seconds) => {
        this.#runs.inc({ job, outcome });
        this.#duration.observe({ job }, seconds);
      },
      skipped: (reason) => this.#skipped.inc({ job, reason }),
      missed: () => this.#missed.inc({ job }),
    };
  }

  election(election: string): LeaderMeter {
    const gauge = this.#leader.labels({ election });
    gauge.set(0);
    return { leads: (leads) => gauge.set(leads ? 1 : 0) };
  }

  /** Asked at each scrape: a coordinator may start or stop at any time. */
  showBackends(backends: () => Recorder['backends']): void {
    this.#gauge('backend_up', 'Whether the back end can be used', ['coordinator'], (gauge) => {
      for (const { coordinator, up } of backends()) gauge.set({ coordinator }, up ? 1 : 0);
    });
    const labels = ['coordinator', 'state'] as const;
    this.#gauge('backend_nodes', 'Nodes of the back end, and those that answer', labels, (gauge) => {
      for (const { coordinator, nodes } of backends()) {
        if (!nodes) continue;
        gauge.set({ coordinator, state: 'all' }, nodes.all);
        gauge.set({ coordinator, state: 'up' }, nodes.up);
      }
    });
  }

  remove(): void {
    for (const name of this.#made) this.registry.removeSingleMetric(name);
  }

  #named(short: string, help: string) {
    const name = `coordination_${short}`;
    const { registry } = this;
    this.#made.push(name);
    return { name, help, registers: [registry] };
  }

  #counter<L extends string>(name: string, help: string, labelNames: readonly L[]): Counter<L> {
    return new this.client.Counter({ ...this.#named(name, help), labelNames: [...labelNames] });
  }

  #histogram<L extends string>(name: string, help: string, labelNames: readonly L[]): Histogram<L> {
    const given = { ...this.#named(name, help), labelNames: [...labelNames] };
    return new this.client.Histogram({ ...given, buckets: BUCKETS });
  }

  /** @param look sets the gauge at each scrape */
  #gauge<L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[],
    look?: (gauge: Gauge<L>) => void,
  ): Gauge<L> {
    return new this.client.Gauge<L>({
      ...this.#named(name, help),
      labelNames: [...labelNames],
      ...(look && {
        collect() {
          this.reset();
          look(this);
        },
      }),
    });
  }
}
