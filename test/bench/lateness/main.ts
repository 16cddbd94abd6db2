/*
 * How late the abort event of a lease comes after its deadline, on an event loop that has nothing else to do and on
 * one that is kept busy. (Whoever reads `signal.aborted` does not wait for the event: that is never late.)
 *
 *   npm run lateness -- [--leases 5000]
 */
import { parseArgs } from 'node:util';
import { renderHistogram, renderSummary } from './histogram.js';
import { measureLateness } from './measure.js';

const { values } = parseArgs({ options: { leases: { type: 'string', default: '5000' } } });
const leases = Number(values.leases);

for (const piece of [0, 5, 20]) {
  const { events, timers } = await measureLateness(leases, piece > 0 ? { piece } : undefined);
  process.stdout.write(
    [
      piece > 0 ? `Event loop busy with pieces of ${piece} ms, ` : 'Event loop idle, ',
      `${leases} leases: ${renderSummary(events)}\n`,
      `(a timer of the system for the same moments: ${renderSummary(timers)})\n`,
      `${renderHistogram(events)}\n`,
    ].join(''),
  );
}
