export { describeDriver, driverSuite, type SuiteRunner } from './driver-suite.js';
export type { DriverCase, DriverSuiteOptions, DriverTrait } from './suite-case.js';
