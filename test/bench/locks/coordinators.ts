import { Logger } from '@nestjs/common';
import type { CoordinationOptions } from 'nestjs-coordination';
// Without the rest of the package, which many processes would load for nothing.
import { CoordinatorService } from '../../../lib/coordinator.service.js';

/** A started coordinator that writes no log lines: what they cost is the terminal's affair. */
export async function startCoordinator(
  backendUrl: string,
  options: Pick<CoordinationOptions, 'ttl' | 'heartbeat'> = {},
): Promise<CoordinatorService> {
  Logger.overrideLogger(['error', 'fatal']);
  // At a benchmark's end nobody waits for what still hangs.
  const coordinator = new CoordinatorService({ ...options, backendUrl, stopTimeout: 500 });
  await coordinator.start();
  return coordinator;
}
