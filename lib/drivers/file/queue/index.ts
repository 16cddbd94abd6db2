export type { FileWaiter } from './file-queue.js';
export { FileQueues } from './file-queues.js';
export { type Ticket, Tickets } from './tickets.js';
export { Turnstile } from './turnstile.js';
