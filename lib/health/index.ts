export { CoordinationHealthIndicator, type CoordinationHealthOptions } from './health.indicator.js';
