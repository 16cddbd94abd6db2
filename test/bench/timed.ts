import { quantile } from './statistics.js';

type Operation = () => Promise<unknown> | void;

/** How long so many operations, one after the other, took each, ms. */
export async function timesOf(operation: Operation, operations: number): Promise<number[]> {
  const times: number[] = [];
  for (let index = 0; index < operations; index += 1) {
    const before = performance.now();
    const pending = operation();
    if (pending) await pending;
    times.push(performance.now() - before);
  }
  return times;
}

/** The median of so many operations, µs. */
export async function medianOf(operation: Operation, operations: number): Promise<number> {
  return 1000 * quantile(await timesOf(operation, operations), 0.5);
}

/**
 * The mean of so many operations, µs: for those that are too short to be timed one by one, or that leave garbage whose
 * collection is a part of the cost.
 */
export async function meanOf(operation: Operation, operations: number): Promise<number> {
  const start = performance.now();
  for (let index = 0; index < operations; index += 1) {
    const pending = operation();
    if (pending) await pending;
  }
  return (1000 * (performance.now() - start)) / operations;
}

/** The mean of so many operations, µs of CPU time of this process: another one that has the core for a while adds nothing. */
export async function cpuMeanOf(operation: Operation, operations: number): Promise<number> {
  const before = process.cpuUsage();
  for (let index = 0; index < operations; index += 1) {
    const pending = operation();
    if (pending) await pending;
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / operations;
}

/** Runs `body`, and tells how long that took, ms. */
export async function durationOf(body: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await body();
  return performance.now() - start;
}
