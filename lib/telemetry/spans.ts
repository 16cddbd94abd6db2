import type { Attributes, Span } from '@opentelemetry/api';
import { listen } from './listening.js';
import { OTHER } from './recorder.js';

type Api = Pick<typeof import('@opentelemetry/api'), 'context' | 'SpanStatusCode' | 'trace'>;

interface OfLease {
  readonly lock: string;
  readonly template?: string;
  readonly function?: string;
  readonly lease?: object;
  readonly part?: true;
}

/**
 * Makes spans of waiting and holding, within the span that is active where the lock is asked for, and a span of each run of a job. What
 * runs in no span makes none: a trace of nothing but a lock tells nobody anything.
 *
 * @returns how to stop it
 */
export function recordSpans({ context, SpanStatusCode, trace }: Api, scope: string): () => void {
  const tracer = trace.getTracer(scope);
  /** By the lease; one that is never given back takes its span with it. */
  const holds = new WeakMap<object, Span>();

  const begin = (what: 'wait' | 'hold', event: OfLease, startTime?: number): Span => {
    const attributes = { ...attributesOf(event) };
    const name = `lock ${what} ${event.template ?? OTHER}`;
    return tracer.startSpan(name, { attributes, ...(startTime !== undefined && { startTime }) });
  };
  const isTold = ({ part }: OfLease): boolean => !part && trace.getSpan(context.active()) !== undefined;
  const endHold = ({ lease }: OfLease, end: (span: Span) => void = () => undefined): void => {
    const span = lease && holds.get(lease);
    if (!span) return;
    end(span);
    span.end();
  };

  return listen({
    'lease.acquired': (event) => {
      if (!isTold(event)) return;
      begin('wait', event, ago(event.waited)).end();
      const hold = begin('hold', event);
      const { fencingToken, lease } = event;
      if (fencingToken !== undefined) hold.setAttribute('nestjs_coordination.fencing_token', fencingToken);
      if (lease) holds.set(lease, hold);
    },
    'lease.refused': (event) => {
      if (!isTold(event)) return;
      const wait = begin('wait', event, ago(event.waited));
      wait.setAttribute('nestjs_coordination.reason', event.reason);
      wait.setStatus({ code: SpanStatusCode.ERROR, message: `not acquired: ${event.reason}` });
      wait.end();
    },
    'lease.released': (event) => endHold(event),
    'lease.unconfirmed': (event) => endHold(event, (span) => span.addEvent('release not confirmed')),
    'lease.lost': (event) =>
      endHold(event, (span) => {
        span.setAttribute('nestjs_coordination.reason', event.reason);
        span.setStatus({ code: SpanStatusCode.ERROR, message: event.error.message });
      }),
    'job.ended': ({ job, attempt, outcome, tick, duration, error, function: method }) => {
      const span = tracer.startSpan(`job ${job}`, {
        startTime: ago(duration),
        attributes: {
          'nestjs_coordination.job': job,
          'nestjs_coordination.attempt': attempt,
          'nestjs_coordination.outcome': outcome,
          'nestjs_coordination.tick': tick.toISOString(),
          ...(method !== undefined && { 'code.function.name': method }),
        },
      });
      if (outcome !== 'succeeded')
        span.setStatus({
          code: SpanStatusCode.ERROR,
          message: error instanceof Error ? error.message : outcome,
        });
      span.end();
    },
  });
}

function attributesOf({ lock, template, function: method }: OfLease): Attributes {
  return {
    'nestjs_coordination.lock': template ?? OTHER,
    'nestjs_coordination.lock.name': lock,
    ...(method !== undefined && { 'code.function.name': method }),
  };
}

/** So many ms before now, Unix time in ms with its fraction. */
function ago(ms: number): number {
  return performance.timeOrigin + performance.now() - ms;
}
