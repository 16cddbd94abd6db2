import type { RefusalReason } from '../common/coordinator.events.js';
import type { LeaseLossReason } from '../errors.js';

/** The meters of one label: a method and its template. Durations are in seconds. */
export interface LockMeters {
  waited(seconds: number): void;
  held(seconds: number): void;
  contended(): void;
  refused(reason: RefusalReason): void;
  lost(reason: LeaseLossReason): void;
}

export interface JobMeters {
  ended(outcome: JobOutcome, seconds: number): void;
  skipped(reason: string): void;
  missed(): void;
}

export interface LeaderMeter {
  leads(leads: boolean): void;
}

export type JobOutcome = (typeof JOB_OUTCOMES)[number];

/** A label has these before its first event, so that a dashboard shows 0 and an alert sees the first event. */
export const REFUSAL_REASONS = ['taken', 'cancelled', 'stopping', 'backend', 'error'] as const;
export const LOSS_REASONS = [
  'expired',
  'backend-down',
  'quorum-lost',
  'taken-over',
  'broken',
  'max-hold',
  'stopped',
] as const satisfies LeaseLossReason[];
export const JOB_OUTCOMES = ['succeeded', 'failed', 'lost'] as const;

/** The buckets of histograms, in seconds: from a call in the same process, over a round trip, to a job. */
export const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** A coordinator of this process, as a gauge shows it. */
export interface BackendState {
  /** Its name, or `default`. */
  readonly coordinator: string;
  readonly up: boolean;
  /** How many nodes there are and how many of them answer, where the back end has several. */
  readonly nodes?: { readonly all: number; readonly up: number } | undefined;
}

/** Takes the metrics. It makes meters once for each label, so that an event costs no lookup of labels. */
export interface MetricSink {
  lock(label: string, method: string): LockMeters;
  job(label: string): JobMeters;
  election(label: string): LeaderMeter;
}
