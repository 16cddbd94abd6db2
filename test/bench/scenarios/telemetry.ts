import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { context, metrics, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { CoordinationModule, CoordinatorService, Synchronized } from 'nestjs-coordination';
import { instrument, registerMetrics } from 'nestjs-coordination/telemetry';
import { Histogram, Registry } from 'prom-client';
import type { Contender, Scenario } from '../scenario.js';
import { cpuMeanOf } from '../timed.js';

@Injectable()
class ShareService {
  #calls = 0;

  @Synchronized('<fName>-<id>')
  async extend(id: string): Promise<number> {
    this.#calls += id.length;
    return this.#calls;
  }
}

@Module({ imports: [CoordinationModule.forRoot({ backendUrl: 'memory:' })], providers: [ShareService] })
class AppModule {}

const ABSENT = 'no telemetry';

/** No exporter takes part: what that costs is the application's. */
function startSdk(): () => Promise<void> {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(new BasicTracerProvider());
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
  return async () => {
    await reader.shutdown();
    trace.disable();
    metrics.disable();
    context.disable();
  };
}

/** Those of the package's histograms: as many take part in an observation. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const METHOD = { lock: '<fName>-<id>', function: 'ShareService.extend' };
const ATTRIBUTES = {
  'nestjs_coordination.lock': METHOD.lock,
  'code.function.name': METHOD.function,
};

/**
 * What the libraries are told of one call, without the package that tells them: two durations, and two spans. It is the least that telemetry
 * can cost.
 */
function alone() {
  const prometheus = new Histogram({
    name: 'alone',
    help: 'alone',
    labelNames: ['lock', 'function'],
    buckets: BUCKETS,
    registers: [new Registry()],
  }).labels(METHOD);
  const advice = { explicitBucketBoundaries: BUCKETS };
  const meter = metrics.getMeter('bench').createHistogram('alone', { unit: 's', advice });
  const tracer = trace.getTracer('bench');
  const observe = (): void => {
    prometheus.observe(0.0001);
    prometheus.observe(0.0002);
  };
  const record = (): void => {
    meter.record(0.0001, ATTRIBUTES);
    meter.record(0.0002, ATTRIBUTES);
  };
  const span = (): void => {
    const attributes = { ...ATTRIBUTES, 'nestjs_coordination.lock.name': 'extend-b2e3' };
    const startTime = performance.timeOrigin + performance.now();
    tracer.startSpan('lock wait', { attributes, startTime }).end();
    tracer.startSpan('lock hold', { attributes }).end();
  };
  return { observe, record, span };
}

/**
 * What telemetry adds to a lock that is free, and to a call under @Synchronized, by the CPU time of the process. All run in a span, as only
 * then spans are made. What follows on a start or a stop does not count: the compiler has to begin anew then, which no application does
 * more than once.
 */
export const telemetry: Scenario = {
  id: 'telemetry',
  title: 'acquire + release, and a call under @Synchronized, with telemetry, memory back end',
  size: 2000,
  sizeUnit: 'operations',
  rounds: 30,
  warmUps: 5,
  short: { size: 100, rounds: 2, warmUps: 1 },
  measures: [
    { key: 'pair', label: 'acquire + release, CPU time', unit: 'µs', better: 'lower' },
    { key: 'call', label: 'a call, CPU time', unit: 'µs', better: 'lower' },
    { key: 'alone', label: 'its library alone', unit: 'µs', better: 'lower' },
  ],
  comparisons: [
    { measure: 'pair', against: ABSENT, by: 'difference' },
    { measure: 'call', against: ABSENT, by: 'difference' },
  ],
  prepare: async () => {
    const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error', 'fatal'] });
    const shares = app.get(ShareService);
    const lock = app.get(CoordinatorService).getLock('pair');
    const stopSdk = startSdk();
    const registry = new Registry();
    const pair = async (): Promise<void> => {
      await lock.acquire();
      await lock.release();
    };
    const measure = async (size: number) => ({
      pair: await cpuMeanOf(pair, size),
      call: await cpuMeanOf(() => shares.extend('b2e3'), size),
    });
    const inSpan = <T>(work: () => Promise<T>): Promise<T> =>
      trace.getTracer('bench').startActiveSpan('request', (span) => work().finally(() => span.end()));
    const contender = (name: string, start: () => Promise<() => void>, library?: () => void): Contender => ({
      name,
      measure: async (size) => {
        const stop = await start();
        try {
          await inSpan(() => measure(size));
          const figures = await inSpan(() => measure(size));
          if (!library) return figures;
          return { ...figures, alone: await inSpan(() => cpuMeanOf(library, size)) };
        } finally {
          stop();
        }
      },
    });
    const { observe, record, span } = alone();
    const recordAndSpan = (): void => {
      record();
      span();
    };
    const stopped = async (): Promise<() => void> => {
      (await registerMetrics(registry))();
      return () => undefined;
    };
    return {
      contenders: [
        contender(ABSENT, async () => () => undefined),
        contender('installed, and stopped', stopped),
        contender('prom-client', () => registerMetrics(registry), observe),
        contender('OpenTelemetry, metrics', () => instrument({ spans: false }), record),
        contender('OpenTelemetry, spans', () => instrument({ metrics: false }), span),
        contender('OpenTelemetry, metrics and spans', () => instrument(), recordAndSpan),
      ],
      close: async () => {
        await app.close();
        await stopSdk();
      },
    };
  },
};
