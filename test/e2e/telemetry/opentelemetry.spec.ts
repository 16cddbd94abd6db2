import { context, metrics, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CoordinationModule, CoordinatorService } from 'nestjs-coordination';
import { CoordinationTelemetryModule } from 'nestjs-coordination/telemetry';
import { boot } from '../../support/boot.js';
import { body, Shares } from './fixtures.js';

const spans = new InMemorySpanExporter();
let points: InMemoryMetricExporter;
let reader: PeriodicExportingMetricReader;
let app: Awaited<ReturnType<typeof boot>>;
let shares: Shares;
let coordinator: CoordinatorService;

beforeEach(async () => {
  body.run = async () => undefined;
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(
    new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }),
  );
  points = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  reader = new PeriodicExportingMetricReader({ exporter: points, exportIntervalMillis: 3_600_000 });
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
  const telemetry = CoordinationTelemetryModule.forRoot({ opentelemetry: true });
  app = await boot([CoordinationModule.forRoot({ backendUrl: 'memory:' }), telemetry], [Shares]);
  shares = app.get(Shares);
  coordinator = app.get(CoordinatorService);
});

afterEach(async () => {
  await app.close();
  await reader.shutdown();
  spans.reset();
  trace.disable();
  metrics.disable();
  context.disable();
});

/** Runs a request: everything in it is in one span. */
async function inRequest(work: () => Promise<unknown>): Promise<ReadableSpan> {
  const tracer = trace.getTracer('test');
  return tracer.startActiveSpan('POST /shares', async (span) => {
    try {
      await work();
    } finally {
      span.end();
    }
    return span as unknown as ReadableSpan;
  });
}

const spansCalled = (name: string): ReadableSpan[] =>
  spans.getFinishedSpans().filter((span) => span.name === name);

const ms = ([seconds, nanoseconds]: readonly [number, number]): number => seconds * 1000 + nanoseconds / 1e6;

describe('the spans of OpenTelemetry', () => {
  it('show how long a request waited and how long it held, as its children', async () => {
    const held = await coordinator.getLock('extend-7').hold();
    const request = await inRequest(async () => {
      const call = shares.extend('7');
      await new Promise((resolve) => setImmediate(resolve));
      await held[Symbol.asyncDispose]();
      await call;
    });
    const [wait] = spansCalled('lock wait <fName>-<id>');
    const [hold] = spansCalled('lock hold <fName>-<id>');
    for (const span of [wait, hold]) {
      expect(span?.parentSpanContext?.spanId).toBe(request.spanContext().spanId);
      expect(span?.spanContext().traceId).toBe(request.spanContext().traceId);
      expect(span?.status.code).toBe(SpanStatusCode.UNSET);
      expect(span?.attributes).toEqual({
        'nestjs_coordination.lock': '<fName>-<id>',
        'nestjs_coordination.lock.name': 'extend-7',
        'code.function.name': 'Shares.extend',
      });
    }
    // To a microsecond, of which the SDK keeps whole ones.
    expect(ms(wait!.startTime)).toBeGreaterThanOrEqual(ms(request.startTime) - 1);
    expect(ms(hold!.startTime)).toBeGreaterThanOrEqual(ms(wait!.endTime) - 1);
    expect(ms(hold!.endTime)).toBeLessThanOrEqual(ms(request.endTime) + 1);
    const ofLocks = spans.getFinishedSpans().filter(({ name }) => name.startsWith('lock'));
    expect(ofLocks).toHaveLength(2);
  });

  it('show a call that was refused, and a lease that was lost', async () => {
    body.run = () => expect(shares.extend('7')).rejects.toThrow('did not get it');
    await inRequest(() => shares.extend('7'));
    const refused = spansCalled('lock wait <fName>-<id>').find(
      ({ status }) => status.code === SpanStatusCode.ERROR,
    );
    expect(refused?.attributes).toMatchObject({ 'nestjs_coordination.reason': 'taken' });
    expect(ms(refused!.duration)).toBeGreaterThan(19);
    spans.reset();
    body.run = () => coordinator.getLock('extend-7').break();
    await inRequest(() => expect(shares.extend('7')).rejects.toThrow('lost its lease'));
    const [lost] = spansCalled('lock hold <fName>-<id>');
    expect(lost?.status).toMatchObject({
      code: SpanStatusCode.ERROR,
      message: expect.stringMatching(/broken/),
    });
    expect(lost?.attributes).toMatchObject({ 'nestjs_coordination.reason': 'broken' });
  });

  it('are not made of a lock outside of any span, and are made of a run of a job', async () => {
    await shares.extend('7');
    await expect.poll(() => spansCalled('job nightly').length).toBeGreaterThan(0);
    expect(spans.getFinishedSpans().filter(({ name }) => name.startsWith('lock'))).toEqual([]);
    expect(spansCalled('job nightly')[0]?.attributes).toMatchObject({
      'code.function.name': 'Shares.nightly',
      'nestjs_coordination.outcome': 'succeeded',
    });
  });

  it('end with the application', async () => {
    await app.close();
    const other = new CoordinatorService({ backendUrl: 'memory:other' });
    await other.start();
    await inRequest(() => other.using('a', () => undefined));
    await other.stop();
    expect(spansCalled('lock hold other')).toEqual([]);
  });
});

/** All points of a metric, by their attributes as text. */
async function pointsOf(name: string): Promise<ReadonlyMap<string, unknown>> {
  points.reset();
  await reader.forceFlush();
  const all = points.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics);
  const metric = all.flatMap(({ metrics }) => metrics).find(({ descriptor }) => descriptor.name === name);
  return new Map(
    metric?.dataPoints.map(({ attributes, value }) => [Object.values(attributes).join(' '), value]),
  );
}

describe('the metrics of OpenTelemetry', () => {
  it('are those of prom-client, in seconds, with counters at 0 from the start', async () => {
    expect((await pointsOf('nestjs_coordination.lock.contended')).get('<fName>-<id> Shares.extend')).toBe(0);
    const lost = await pointsOf('nestjs_coordination.lock.lost');
    expect(lost.get('<fName>-<id> Shares.extend quorum-lost')).toBe(0);
    body.run = () => expect(shares.extend('7')).rejects.toThrow('did not get it');
    await shares.extend('7');
    const wait = (await pointsOf('nestjs_coordination.lock.wait')).get('<fName>-<id> Shares.extend');
    expect(wait).toMatchObject({ count: 1 });
    const hold = (await pointsOf('nestjs_coordination.lock.hold')).get('<fName>-<id> Shares.extend');
    expect(hold).toMatchObject({ count: 1 });
    expect((hold as { sum: number }).sum).toBeGreaterThan(0.019);
    expect((hold as { sum: number }).sum).toBeLessThan(10);
    const refused = await pointsOf('nestjs_coordination.lock.refused');
    expect(refused.get('<fName>-<id> Shares.extend taken')).toBe(1);
    expect((await pointsOf('nestjs_coordination.backend.up')).get('default')).toBe(1);
    await expect.poll(async () => (await pointsOf('nestjs_coordination.leader')).get('quota')).toBe(1);
    const runs = await pointsOf('nestjs_coordination.job.runs');
    expect(runs.get('nightly failed')).toBe(0);
  });
});
