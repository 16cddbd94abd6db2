import type { Attributes, Context, Span } from '@opentelemetry/api';
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
 * Makes spans of waiting and holding, within the span that is active where the lock is asked for, and a span of each run of a job. A call
 * outside of any span makes none: a trace of nothing but a lock is of no use.
 *
 * @returns how to stop it
 */
export function recordSpans({ context, SpanStatusCode, trace }: Api, scope: string): () => void {
  const tracer = trace.getTracer(scope);
  /** The span of each lease; a lease that is never given back takes its span with it. */
  const holds = new WeakMap<object, Span>();

  /** The context to which the spans of a call belong; undefined where it makes none. */
  const placeOf = ({ part }: OfLease): Context | undefined => {
    const active = context.active();
    return !part && trace.getSpan(active) ? active : undefined;
  };
  const beginWait = (event: OfLease & { readonly waited: number }, place: Context): Span =>
    tracer.startSpan(
      `lock wait ${event.template ?? OTHER}`,
      { attributes: attributesOf(event), startTime: ago(event.waited) },
      place,
    );
  const beginHold = (event: OfLease & { readonly fencingToken?: number }, place: Context): Span => {
    const attributes = attributesOf(event);
    const { fencingToken } = event;
    if (fencingToken !== undefined) attributes['nestjs_coordination.fencing_token'] = fencingToken;
    return tracer.startSpan(`lock hold ${event.template ?? OTHER}`, { attributes }, place);
  };
  const endHold = ({ lease }: OfLease, finish?: (span: Span) => void): void => {
    const span = lease && holds.get(lease);
    if (!span) return;
    holds.delete(lease);
    finish?.(span);
    span.end();
  };

  return listen({
    'lease.acquired': (event) => {
      const place = placeOf(event);
      if (!place) return;
      beginWait(event, place).end();
      const hold = beginHold(event, place);
      if (event.lease) holds.set(event.lease, hold);
    },
    'lease.refused': (event) => {
      const place = placeOf(event);
      if (!place) return;
      const wait = beginWait(event, place);
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
  const attributes: Attributes = {
    'nestjs_coordination.lock': template ?? OTHER,
    'nestjs_coordination.lock.name': lock,
  };
  if (method !== undefined) attributes['code.function.name'] = method;
  return attributes;
}

/** So many ms before now, Unix time in ms with its fraction. */
function ago(ms: number): number {
  return performance.timeOrigin + performance.now() - ms;
}
