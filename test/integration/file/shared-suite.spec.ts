import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileDriver } from '../../../lib/drivers/file/file.driver.js';
import { describeDriver, type DriverHarness } from '../../support/driver-suite.js';

let directory: string;

const harness: DriverHarness = {
  create: (context) => new FileDriver(directory, { ...context, ttl: 10_000 }),
  traits: ['process', 'queue', 'shared'],
  setUp: async () => {
    directory = await mkdtemp(join(tmpdir(), 'file-driver-'));
  },
  tearDown: () => rm(directory, { recursive: true, force: true }),
};

describeDriver('file', harness);
