export {
  CoordinationTestingModule,
  type CoordinationTestingModuleOptions,
} from './coordination-testing.module.js';
export { CoordinationTestKit } from './coordination-test-kit.js';
export type { TakenLock } from './journal.js';
export type { CoordinationTestingOptions } from './test-options.js';
