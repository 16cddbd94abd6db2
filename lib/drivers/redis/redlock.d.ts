/**
 * What the driver uses of redlock 5.0.0-beta.2, whose own types do not resolve under NodeNext.
 * Redlock passes resources on untouched, so they are typed by whoever uses them.
 */
declare module 'redlock' {
  interface RedlockClient<Resource> {
    evalsha(hash: string, keyCount: number, args: [Resource, string, number?]): Promise<unknown>;
    eval(script: string, keyCount: number, args: [Resource, string, number?]): Promise<unknown>;
    quit(): Promise<unknown>;
  }

  interface Settings {
    readonly retryCount: number;
  }

  interface Scripts {
    readonly acquireScript: () => string;
    readonly releaseScript: () => string;
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
  }

  export default class Redlock<Resource> {
    constructor(clients: Iterable<RedlockClient<Resource>>, settings: Settings, scripts: Scripts);
    acquire(resources: Resource[], duration: number): Promise<HeldLock<Resource>>;
    release(lock: HeldLock<Resource>): Promise<unknown>;
    /** Draws the id of an acquisition. */
    protected _random(): string;
  }
}
