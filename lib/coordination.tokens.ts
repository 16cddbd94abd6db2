import { Inject } from '@nestjs/common';
import { CoordinatorService } from './coordinator.service.js';

/**
 * The injection token of a coordinator: its class, or a symbol for one with a name.
 *
 * @example
 * const reports = app.get<CoordinatorService>(getCoordinatorToken('reports'));
 *
 * @publicApi
 */
export function getCoordinatorToken(name?: string): typeof CoordinatorService | symbol {
  return name === undefined ? CoordinatorService : Symbol.for(`nestjs-coordination:coordinator:${name}`);
}

/**
 * Injects the coordinator with that name.
 *
 * @example
 * constructor(@InjectCoordinator('reports') private readonly reports: CoordinatorService) {}
 *
 * @publicApi
 */
export function InjectCoordinator(name?: string): PropertyDecorator & ParameterDecorator {
  return Inject(getCoordinatorToken(name));
}
