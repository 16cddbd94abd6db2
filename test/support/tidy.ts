import { Logger } from '@nestjs/common';
import { setTimeout as after } from 'node:timers/promises';
import { afterAll, beforeAll } from 'vitest';
import { CoordinatorService } from '../../lib/coordinator.service.js';
import { refusals } from '../../lib/synchronized/filters/index.js';

/* Files that share a process leave nothing to each other: no coordinator that runs, and no line that is logged later. */

/** A stop waits for work that a test has left hanging. */
const LONGEST_STOP = 2000;

const started = new Set<CoordinatorService>();
const start = Reflect.get(CoordinatorService.prototype, 'start');

beforeAll(() => {
  CoordinatorService.prototype.start = function (this: CoordinatorService) {
    started.add(this);
    return start.call(this);
  };
});

// Runs after those of the file itself.
afterAll(async () => {
  CoordinatorService.prototype.start = start;
  Logger.overrideLogger(false);
  const stops = Promise.allSettled([...started].map((one) => one.stop()));
  await Promise.race([stops, after(LONGEST_STOP)]);
  refusals.flush();
  started.clear();
});
