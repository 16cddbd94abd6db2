/**
 * Counts the timers that are pending, those too that do not keep the process alive, which Node's own list of active
 * resources leaves out. It replaces the global functions, which everything but Node itself looks up when it calls them.
 */
export class TimerLedger {
  readonly #pending = new Set<unknown>();

  get pending(): number {
    return this.#pending.size;
  }

  install(): this {
    const { setTimeout, setInterval, clearTimeout, clearInterval } = globalThis;
    const pending = this.#pending;
    const once = (callback: (...args: unknown[]) => void, ms?: number, ...args: unknown[]) => {
      const timer = setTimeout(() => {
        pending.delete(timer);
        callback(...args);
      }, ms);
      pending.add(timer);
      return timer;
    };
    const repeated = (callback: (...args: unknown[]) => void, ms?: number, ...args: unknown[]) => {
      const timer = setInterval(callback, ms, ...args);
      pending.add(timer);
      return timer;
    };
    globalThis.setTimeout = Object.assign(once, setTimeout);
    globalThis.setInterval = Object.assign(repeated, setInterval);
    globalThis.clearTimeout = (timer) => {
      pending.delete(timer);
      clearTimeout(timer);
    };
    globalThis.clearInterval = (timer) => {
      pending.delete(timer);
      clearInterval(timer);
    };
    return this;
  }
}
