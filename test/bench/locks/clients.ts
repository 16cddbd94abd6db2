import { once } from 'node:events';
import { Redis } from 'ioredis';

/** Those of `nestjs-coordination`, so that connections differ in nothing that is not the contender's own doing. */
const SOCKET = { noDelay: true, keepAlive: 30_000 };

/** A connected client for each node. */
export async function connect(nodes: readonly string[]): Promise<Redis[]> {
  const clients = nodes.map((url) => new Redis(url, SOCKET));
  await Promise.all(clients.map((client) => once(client, 'ready')));
  // A node that is stopped, or gone, is a part of what is measured.
  for (const client of clients) client.on('error', () => undefined);
  return clients;
}

export function disconnect(clients: readonly Redis[]): void {
  for (const client of clients) client.disconnect();
}
