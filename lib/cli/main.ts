#!/usr/bin/env node
import { GUARD, runGuard } from './guard.js';

const [first, ...rest] = process.argv.slice(2);
if (first === GUARD) await runGuard(rest);
else {
  // Loaded here, as a guard needs nothing of it.
  const { run } = await import('./program.js');
  process.exitCode = await run(process.argv.slice(2));
}
