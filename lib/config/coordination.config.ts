import { Logger } from '@nestjs/common';
import { registerAs } from '@nestjs/config';
import { logSafely } from '../common/log-safely.js';
import type { CoordinationOptions } from '../coordination.options.js';
import { optionsIn } from '../coordination.environment.js';

/**
 * The `coordination` namespace of ConfigModule: the options, read from the `COORDINATION_*` variables. Nothing else that an
 * application runs reads them. A variable of that kind that means nothing is warned of.
 *
 * @throws InvalidOptionsError for a variable of a back end that does not name it
 * @example
 * CoordinationModule.forRootAsync(coordinationConfig.asProvider());
 *
 * @publicApi
 */
export const coordinationConfig = registerAs('coordination', (): CoordinationOptions =>
  optionsIn(process.env, (message) => logSafely(() => new Logger('CoordinationModule').warn(message))),
);
