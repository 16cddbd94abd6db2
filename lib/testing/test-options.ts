import type { CoordinationOptions } from '../coordination.options.js';

/**
 * What a test says of its coordinator: the options of `CoordinationModule`, without those that say where the locks live.
 * @publicApi
 */
export interface CoordinationTestingOptions extends Omit<
  CoordinationOptions,
  'backendUrl' | 'driver' | 'redis' | 'postgres'
> {
  /** `system`: that of the machine. `driven`: it moves by `kit.advance()` alone. Default `system`. */
  readonly clock?: 'system' | 'driven' | undefined;
}
