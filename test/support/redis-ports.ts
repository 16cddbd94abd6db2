import { createServer } from 'node:net';

/** Below the range from which systems take the ports of outgoing connections; a Cluster's bus is 10 000 above. */
const LOWEST = 15_000;
const HIGHEST = 22_000;

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** A port on which nobody listens now, and neither on the one that a Cluster node would take for its bus. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
    if ((await isFree(port)) && (await isFree(port + 10_000))) return port;
  }
}
