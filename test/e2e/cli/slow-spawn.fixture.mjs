import { ChildProcess } from 'node:child_process';

/**
 * Loaded into the tool: each spawn takes half a second longer, as on a machine that is busy, while the new process runs already. What
 * the tool does about a signal in that time does not depend on chance then.
 */
const { spawn } = ChildProcess.prototype;
ChildProcess.prototype.spawn = function (...args) {
  const result = spawn.apply(this, args);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
  return result;
};
