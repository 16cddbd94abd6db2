import { Logger } from '@nestjs/common';
import { registerAs } from '@nestjs/config';
import { logSafely } from '../common/log-safely.js';
import type { CoordinationOptions } from '../coordination.options.js';
import { optionsIn } from '../coordination.environment.js';

/**
 * The `coordination` namespace of ConfigModule: the options, read from the `COORDINATION_*` variables. Nothing else in an
 * application reads these variables. It warns of a variable with that prefix that it does not know.
 *
 * @throws InvalidOptionsError for a variable of a back end that lacks the back end's name
 * @example
 * CoordinationModule.forRootAsync(coordinationConfig.asProvider());
 *
 * @publicApi
 */
export const coordinationConfig = registerAs('coordination', (): CoordinationOptions =>
  optionsIn(process.env, warn),
);

function warn(message: string): void {
  logSafely(() => new Logger('CoordinationModule').warn(message));
}
