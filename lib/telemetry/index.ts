export { instrument, type InstrumentOptions } from './opentelemetry.js';
export { type MetricsOptions, type PrometheusRegistry, registerMetrics } from './prometheus.js';
export { CoordinationTelemetryModule, type CoordinationTelemetryOptions } from './telemetry.module.js';
