import type { Attributes, Meter, ObservableResult } from '@opentelemetry/api';
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
import type { MetricsOptions } from './prometheus.js';
import { Recorder } from './recorder.js';
import { sharedUse } from './shared.js';
import { recordSpans } from './spans.js';

/**
 * The signals that OpenTelemetry gets.
 * @publicApi
 */
export interface InstrumentOptions extends MetricsOptions {
  /** Default: true. */
  readonly metrics?: boolean;
  /** Default: true. */
  readonly spans?: boolean;
}

/** The name of the meter and of the tracer. */
const SCOPE = 'nestjs-coordination';

/**
 * Records metrics and spans of all coordinators of this process with @opentelemetry/api, until the function that it resolves to is called. The
 * application's SDK has to be started before.
 *
 * @throws when @opentelemetry/api is not installed
 * @example
 * const stop = await instrument({ metrics: false });
 *
 * @publicApi
 */
export async function instrument(options: InstrumentOptions = {}): Promise<() => void> {
  const api = await import('@opentelemetry/api');
  const ends: (() => void)[] = [];
  if (options.metrics ?? true) {
    const provider = api.metrics.getMeterProvider();
    ends.push(sharedUse(provider, () => recordMetrics(provider.getMeter(SCOPE), options.names)));
  }
  if (options.spans ?? true) ends.push(sharedUse(api.trace, () => recordSpans(api, SCOPE)));
  return () => {
    for (const end of ends) end();
  };
}

/** @returns how to stop it */
function recordMetrics(meter: Meter, names: readonly string[] | undefined): () => void {
  const sink = new OpenTelemetrySink(meter);
  const recorder = new Recorder(sink, names);
  const stop = recorder.start();
  const hide = sink.show(() => recorder.backends);
  return () => {
    hide();
    stop();
  };
}

class OpenTelemetrySink implements MetricSink {
  readonly #leads = new Map<string, boolean>();
  readonly #wait;
  readonly #hold;
  readonly #contended;
  readonly #refused;
  readonly #lost;
  readonly #runs;
  readonly #duration;
  readonly #skipped;
  readonly #missed;

  constructor(private readonly meter: Meter) {
    this.#wait = this.#histogram('lock.wait', 'Time from the call to the lock');
    this.#hold = this.#histogram('lock.hold', 'Time from the lock to its end');
    this.#contended = this.#counter('lock.contended', 'Calls that had to wait', '{call}');
    this.#refused = this.#counter('lock.refused', 'Calls that did not get the lock', '{call}');
    this.#lost = this.#counter('lock.lost', 'Leases that ended while their work ran', '{lease}');
    this.#runs = this.#counter('job.runs', 'Runs that ended on this replica', '{run}');
    this.#duration = this.#histogram('job.duration', 'How long runs took on this replica');
    this.#skipped = this.#counter('job.skipped', 'Ticks that this replica did not run', '{tick}');
    this.#missed = this.#counter('job.missed', 'Ticks that no replica has run', '{tick}');
  }

  lock(lock: string, method: string): LockMeters {
    const attributes: Attributes = {
      'nestjs_coordination.lock': lock,
      ...(method !== '' && { 'code.function.name': method }),
    };
    const because = (reason: string): Attributes => ({
      ...attributes,
      'nestjs_coordination.reason': reason,
    });
    this.#contended.add(0, attributes);
    for (const reason of REFUSAL_REASONS) this.#refused.add(0, because(reason));
    for (const reason of LOSS_REASONS) this.#lost.add(0, because(reason));
    return {
      waited: (seconds) => this.#wait.record(seconds, attributes),
      held: (seconds) => this.#hold.record(seconds, attributes),
      contended: () => this.#contended.add(1, attributes),
      refused: (reason) => this.#refused.add(1, because(reason)),
      lost: (reason) => this.#lost.add(1, because(reason)),
    };
  }

  job(job: string): JobMeters {
    const attributes: Attributes = { 'nestjs_coordination.job': job };
    const with_ = (outcome: string): Attributes => ({
      ...attributes,
      'nestjs_coordination.outcome': outcome,
    });
    this.#missed.add(0, attributes);
    for (const outcome of JOB_OUTCOMES) this.#runs.add(0, with_(outcome));
    return {
      ended: (outcome, seconds) => {
        this.#runs.add(1, with_(outcome));
        this.#duration.record(seconds, attributes);
      },
      skipped: (reason) => this.#skipped.add(1, { ...attributes, 'nestjs_coordination.reason': reason }),
      missed: () => this.#missed.add(1, attributes),
    };
  }

  election(election: string): LeaderMeter {
    this.#leads.set(election, false);
    return { leads: (leads) => void this.#leads.set(election, leads) };
  }

  /** @returns how to stop it */
  show(backends: () => Recorder['backends']): () => void {
    const { meter } = this;
    const gauges = {
      leader: meter.createObservableGauge('nestjs_coordination.leader', {
        description: 'Whether this replica leads',
      }),
      up: meter.createObservableGauge('nestjs_coordination.backend.up', {
        description: 'Whether the back end can be used',
      }),
      nodes: meter.createObservableGauge('nestjs_coordination.backend.nodes', {
        description: 'Nodes of the back end, and those that answer',
        unit: '{node}',
      }),
    };
    const looks: [keyof typeof gauges, (result: ObservableResult) => void][] = [
      ['leader', (result) => this.#showLeaders(result)],
      ['up', (result) => showUp(result, backends())],
      ['nodes', (result) => showNodes(result, backends())],
    ];
    for (const [gauge, look] of looks) gauges[gauge].addCallback(look);
    return () => {
      for (const [gauge, look] of looks) gauges[gauge].removeCallback(look);
    };
  }

  #showLeaders(result: ObservableResult): void {
    for (const [election, leads] of this.#leads)
      result.observe(leads ? 1 : 0, { 'nestjs_coordination.election': election });
  }

  #counter(name: string, description: string, unit: string) {
    return this.meter.createCounter(`nestjs_coordination.${name}`, { description, unit });
  }

  #histogram(name: string, description: string) {
    return this.meter.createHistogram(`nestjs_coordination.${name}`, {
      description,
      unit: 's',
      advice: { explicitBucketBoundaries: BUCKETS },
    });
  }
}

function showUp(result: ObservableResult, backends: Recorder['backends']): void {
  for (const { coordinator, up } of backends)
    result.observe(up ? 1 : 0, { 'nestjs_coordination.coordinator': coordinator });
}

function showNodes(result: ObservableResult, backends: Recorder['backends']): void {
  for (const { coordinator, nodes } of backends) {
    if (!nodes) continue;
    const of = { 'nestjs_coordination.coordinator': coordinator };
    result.observe(nodes.all, { ...of, 'nestjs_coordination.state': 'all' });
    result.observe(nodes.up, { ...of, 'nestjs_coordination.state': 'up' });
  }
}
