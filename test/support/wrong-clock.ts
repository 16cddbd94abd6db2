export { clockOffBy } from '../../lib/driver-testing/suite-context.js';
