import { audit, type Finding } from './audit.js';
import { Client } from './client.js';
import type { Fleet } from './fleet.js';
import { writeLate } from './late-writer.js';
import { type Amount, sendLoad } from './load.js';
import { Progress, say } from './terminal.js';

/** Sends the load to a fleet, compares what it promised with what is on its disk, and writes to that late. */
export async function tryOut(fleet: Fleet, amount: Amount, ending: AbortSignal): Promise<Finding[]> {
  const client = new Client(fleet, ending);
  const progress = new Progress();
  const start = performance.now();
  const promised = await sendLoad(client, amount, (done, total) => progress.update(done, total));
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  say(`   ${client.sent} requests in ${seconds} s`);
  if (client.broken > 0) say(`   ${client.broken} of them broke off with a replica that died`);
  for (const [what, count] of client.failed) say(`   ${count} of them were answered ${what}`);
  const findings = await audit(fleet.directory, promised);
  return [...findings, await writeLate(fleet.directory, promised)];
}
