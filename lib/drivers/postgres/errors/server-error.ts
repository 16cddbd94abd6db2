import { BackendUnavailableError, CoordinationSchemaError, InvalidOptionsError } from '../../../errors.js';
import { explain } from './failures.js';

/** The error of a statement that the server did not run, or that was not answered. */
export function unavailable(server: string, what: string, cause: unknown): BackendUnavailableError {
  const { advice, consequence } = explain(cause);
  return new BackendUnavailableError(`Cannot ${what}: ${server} ${advice}`, {
    cause,
    refused: consequence === 'schema' || consequence === 'once',
  });
}

/** The error of a failed start. Trying again does not help where only a change of the configuration can. */
export function startError(server: string, cause: unknown): Error {
  if (cause instanceof InvalidOptionsError) return cause;
  if (cause instanceof CoordinationSchemaError)
    return new CoordinationSchemaError(`Cannot use ${server}: ${cause.message}`);
  const { advice, consequence } = explain(cause);
  const message = `Cannot use ${server}: it ${advice}`;
  if (consequence === 'schema') return new CoordinationSchemaError(message, { cause });
  if (consequence === 'options') return new InvalidOptionsError(message, { cause });
  return new BackendUnavailableError(message, { cause });
}
