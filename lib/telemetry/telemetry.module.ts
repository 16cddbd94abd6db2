import { type DynamicModule, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { InvalidOptionsError } from '../errors.js';
import { instrument, type InstrumentOptions } from './opentelemetry.js';
import { type MetricsOptions, type PrometheusRegistry, registerMetrics } from './prometheus.js';

const STOPS = Symbol('nestjs-coordination:telemetry');

/**
 * The receivers of the telemetry.
 * @publicApi
 */
export interface CoordinationTelemetryOptions extends MetricsOptions {
  /** Metrics for prom-client (an optional peer): true for its global registry, or a registry. */
  readonly prometheus?: boolean | PrometheusRegistry;
  /** Metrics and spans for @opentelemetry/api (an optional peer): true for both. */
  readonly opentelemetry?: boolean | Pick<InstrumentOptions, 'metrics' | 'spans'>;
}

/**
 * Tells prom-client or OpenTelemetry of all coordinators of the application, from before their start to the application's shutdown.
 *
 * @example
 * \@Module({ imports: [CoordinationModule.forRoot(), CoordinationTelemetryModule.forRoot({ prometheus: true })] })
 * export class AppModule {}
 *
 * @publicApi
 */
@Module({})
export class CoordinationTelemetryModule implements OnApplicationShutdown {
  constructor(@Inject(STOPS) private readonly stops: readonly (() => void)[]) {}

  /**
   * The module, to be imported once.
   *
   * @throws InvalidOptionsError when it has no receiver; at boot, the error for a peer that is not installed
   */
  static forRoot(options: CoordinationTelemetryOptions): DynamicModule {
    const { prometheus, opentelemetry, names = [] } = options;
    if (!prometheus && !opentelemetry)
      throw new InvalidOptionsError(
        'CoordinationTelemetryModule.forRoot: it has no receiver; say prometheus: true, opentelemetry: true, or both',
      );
    const useFactory = async (): Promise<(() => void)[]> => {
      const stops: (() => void)[] = [];
      if (prometheus) {
        const registry = typeof prometheus === 'object' ? prometheus : undefined;
        stops.push(await registerMetrics(registry, { names }));
      }
      if (opentelemetry) {
        const which = typeof opentelemetry === 'object' ? opentelemetry : {};
        stops.push(await instrument({ ...which, names }));
      }
      return stops;
    };
    return { module: CoordinationTelemetryModule, providers: [{ provide: STOPS, useFactory }] };
  }

  /** Ends the telemetry. */
  onApplicationShutdown(): void {
    for (const stop of this.stops) stop();
  }
}
