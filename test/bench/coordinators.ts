import { Logger } from '@nestjs/common';
import { CoordinatorService } from 'nestjs-coordination';

/** A started coordinator that writes no debug lines: what they cost is the terminal's affair. */
export async function startCoordinator(backendUrl: string): Promise<CoordinatorService> {
  Logger.overrideLogger(['warn', 'error', 'fatal']);
  const coordinator = new CoordinatorService({ backendUrl });
  await coordinator.start();
  return coordinator;
}
