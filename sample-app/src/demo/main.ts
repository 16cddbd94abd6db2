import { Demonstration } from './demonstration.js';
import { Ended, endingSignal } from './ending.js';
import { say } from './terminal.js';

/** A smaller or larger load, for the impatient and the thorough. */
const scale = Number(process.env['SAMPLE_SCALE']) || 1;
const amount = {
  shares: 4,
  extends: Math.ceil(60 * scale),
  rules: Math.ceil(30 * scale),
  snapshots: Math.ceil(10 * scale),
  reverts: Math.ceil(10 * scale),
};

const ending = endingSignal(() => process.exit(1));
const demonstration = new Demonstration(
  {
    amount,
    backendUrl: process.env['COORDINATION_BACKEND_URL'] || undefined,
    stay: process.argv.includes('--stay'),
    serve: process.env['SAMPLE_EXIT'] === undefined,
  },
  ending,
);
// Whatever ends this process, an error that nobody caught among it; should it be killed, the replicas notice themselves.
process.once('exit', () => demonstration.kill());

try {
  process.exitCode = (await demonstration.run()) ? 0 : 1;
} catch (error) {
  // What fails while everything ends fails for that reason.
  const reason: unknown = ending.aborted ? ending.reason : error;
  process.exitCode = reason instanceof Ended ? reason.exitCode : 1;
  say(`\n${reason instanceof Error ? reason.message : String(reason)}`);
} finally {
  await demonstration.end();
}
