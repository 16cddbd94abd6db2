/**
 * The part of redlock 5.0.0-beta.2 that the driver uses; redlock's own types do not resolve under NodeNext. Redlock passes resources
 * on unchanged, so the caller chooses their type.
 */
declare module 'redlock' {
  interface Settings {
    readonly retryCount: number;
  }

  /** The result of an operation with a majority. */
  interface Executed {
    readonly attempts: readonly Promise<unknown>[];
  }

  interface HeldLock<Resource> {
    resources: Resource[];
    value: string;
    /** Unix ms. */
    expiration: number;
  }

  export class ExecutionError extends Error {
    /** Settle when every vote of the attempt is in. */
    readonly attempts: readonly Promise<unknown>[];
    constructor(message: string, attempts: readonly Promise<unknown>[]);
  }

  export default class Redlock<Resource> {
    constructor(clients: Iterable<unknown>, settings: Settings, scripts?: object);
    acquire(resources: Resource[], duration: number): Promise<HeldLock<Resource>>;
    release(lock: HeldLock<Resource>): Promise<unknown>;
    /** Draws the id of an acquisition. */
    protected _random(): string;
    /** Runs a script on all clients: resolves as soon as a majority is for it, or rejects with an `ExecutionError`. */
    protected _execute(script: unknown, resources: [Resource], args: [string, number?]): Promise<Executed>;
  }
}
