import { quoted } from '../../common/quoted.js';
import { InvalidOptionsError } from '../../errors.js';

/** The driver's locks cannot be shared. */
export function sharesNothing(name: string, driver: { readonly description: string }): InvalidOptionsError {
  return new InvalidOptionsError(
    `Lock ${quoted(name)}: the option "shared" needs a back end whose locks can be shared, and ${driver.description} gives each lock to one holder alone; leave "shared" out, or use a back end that has it`,
  );
}

/**
 * The error of a call that wants the lock alone, and waits for a share that its own caller holds.
 * @param label of the call; empty when it has none
 */
export function upgradeRefused(name: string, label: string, sharer: string): InvalidOptionsError {
  return new InvalidOptionsError(
    `Lock ${quoted(name)}: ${label || 'a call'} asks to hold it alone, and ${sharer}, from which it was called, shares it, so both would wait for ever; let ${sharer} end first, or take the lock alone there and give lease.downgrade() when reading is enough`,
  );
}
