import 'reflect-metadata';
import { CoordinatorService, type LeaseLostError } from 'nestjs-coordination';

/** Holds a lock until it is told to let go. */
const [backendUrl = '', prefix = ''] = process.argv.slice(2);
const options = { backendUrl, prefix, agentId: 'other', ttl: 5000, heartbeat: 100 };
const coordinator = new CoordinatorService(options);
await coordinator.start();
const lease = await coordinator.getLock('theirs').hold();
lease.signal.addEventListener('abort', () => {
  const { reason, message } = lease.signal.reason as LeaseLostError;
  process.send?.({ reason, message });
});
process.send?.('held');
// What is received keeps the process alive.
process.on('message', () => undefined);
