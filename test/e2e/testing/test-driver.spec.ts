import { systemClock } from '../../../lib/common/clock.js';
import type { DriverContext } from '../../../lib/drivers/driver.js';
import { TestBackend } from '../../../lib/testing/test-backend.js';
import { TestDriver } from '../../../lib/testing/test-driver.js';
import { describeDriver } from '../../support/driver-suite.js';

const backend = new TestBackend(systemClock);

describeDriver('of a test kit', {
  create: (context: DriverContext) => TestDriver.open(backend, context),
  traits: ['lease', 'queue', 'shared'],
});
