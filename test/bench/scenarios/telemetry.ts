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
import { Registry } from 'prom-client';
import type { Contender, Scenario } from '../scenario.js';
import { meanOf } from '../timed.js';

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

/** What telemetry adds to a lock that is free, and to a call under @Synchronized. */
export const telemetry: Scenario = {
  id: 'telemetry',
  title: 'acquire + release, and a call under @Synchronized, with telemetry, memory back end',
  size: 2000,
  sizeUnit: 'operations',
  rounds: 30,
  warmUps: 15,
  short: { size: 100, rounds: 2, warmUps: 1 },
  measures: [
    { key: 'pair', label: 'acquire + release, mean', unit: 'µs', better: 'lower' },
    { key: 'call', label: 'a call, mean', unit: 'µs', better: 'lower' },
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
      pair: await meanOf(pair, size),
      call: await meanOf(() => shares.extend('b2e3'), size),
    });
    const contender = (name: string, start: () => Promise<() => void>, inSpan = false): Contender => ({
      name,
      measure: async (size) => {
        const stop = await start();
        try {
          if (!inSpan) return await measure(size);
          return await trace.getTracer('bench').startActiveSpan('request', () => measure(size));
        } finally {
          stop();
        }
      },
    });
    const stopped = async (): Promise<() => void> => {
      (await registerMetrics(registry))();
      return () => undefined;
    };
    return {
      contenders: [
        contender(ABSENT, async () => () => undefined),
        contender('installed, and stopped', stopped),
        contender('prom-client', () => registerMetrics(registry)),
        contender('OpenTelemetry, metrics', () => instrument({ spans: false })),
        contender('OpenTelemetry, metrics and spans', () => instrument(), true),
      ],
      close: async () => {
        await app.close();
        await stopSdk();
      },
    };
  },
};
