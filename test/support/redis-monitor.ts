import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

export interface Monitored {
  /** The command and its arguments, as the server quotes them. */
  readonly args: readonly string[];
  /** `lua` for a command within a script, the address of the client for any other. */
  readonly source: string;
}

/** `+1795915175.519142 [0 127.0.0.1:43820] "evalsha" "40b5…"` */
const LINE = /^\+[\d.]+ \[\d+ ([^\]]*)\] "(.*)"$/;

/**
 * Listens to every command that a Redis server runs, also within scripts, in their order.
 *
 * It has a connection of its own: that of ioredis 5 fails when the first command is in one piece with the reply to `MONITOR`,
 * as it is on a busy machine.
 *
 * @param url `redis://<host>:<port>`
 * @param hear is called for each command
 * @returns what ends it
 */
export async function monitorRedis(
  url: string,
  hear: (command: Monitored) => void,
): Promise<{ close: () => void }> {
  const { hostname, port } = new URL(url);
  const socket: Socket = connect(Number(port), hostname);
  const lines = createInterface({ input: socket });
  const listening = once(lines, 'line');
  lines.on('line', (line) => {
    const [, source, args] = LINE.exec(line) ?? [];
    if (source !== undefined && args !== undefined)
      hear({ source, args: args.split('" "').map((arg) => arg.replaceAll(String.raw`\"`, '"')) });
  });
  socket.write('MONITOR\r\n');
  const [reply] = (await Promise.race([listening, once(socket, 'close')])) as unknown[];
  if (reply !== '+OK') throw new Error(`MONITOR of ${url} answered ${String(reply)}.`);
  // A server that stops is a part of what is tested.
  socket.on('error', () => undefined);
  return { close: () => void socket.destroy() };
}
