import type { DriverContext } from '../../../lib/drivers/driver.js';
import { MemoryDriver } from '../../../lib/drivers/memory/memory.driver.js';
import { describeDriver } from '../../support/driver-suite.js';
import { describeFencing } from '../../support/fencing-suite.js';

const create = (context: DriverContext) => new MemoryDriver('driver-suite', context);

describeDriver('memory', { create });
describeFencing('memory', { create });
