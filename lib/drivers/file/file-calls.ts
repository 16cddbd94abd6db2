import { BackendUnavailableError } from '../../errors.js';
import type { StateDirectory } from './directory/index.js';
import type { FileHealth } from './file-health.js';
import { failedOn, shorten } from './kernel/index.js';

const STORE = 'store the holder of';

/** Runs work on the back end's files. It turns failures into the back end's errors, and reports them to its health. */
export class FileCalls {
  constructor(
    private readonly directory: StateDirectory,
    private readonly health: FileHealth,
  ) {}

  /**
   * @param what the task, for the message
   * @param name the lock's name, for work on a lock
   * @param path default: the file of the lock
   * @throws BackendUnavailableError where the work throws
   */
  attempt<T>(what: string, name: string | undefined, path: string | undefined, work: () => T): T {
    return this.#attempt(what, name, path, work, (error) => this.health.unreachable(error));
  }

  /** As `attempt`, for what has to be written down before a lock is granted. */
  store<T>(name: string, path: string, work: () => T): T {
    const stored = this.#attempt(STORE, name, path, work, (error) => this.health.unwritable(error));
    this.health.stored();
    return stored;
  }

  #attempt<T>(
    what: string,
    name: string | undefined,
    path: string | undefined,
    work: () => T,
    tell: (error: BackendUnavailableError) => void,
  ): T {
    try {
      return work();
    } catch (cause) {
      const error =
        cause instanceof BackendUnavailableError
          ? cause
          : failedOn(
              path ?? this.directory.lock(name ?? ''),
              name === undefined ? what : `${what} ${shorten(name)}`,
              cause,
            );
      tell(error);
      throw error;
    }
  }
}
