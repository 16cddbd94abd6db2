import type { Socket } from 'node:net';

/** Messages are about a hundred bytes long; whoever sends more without an end of line speaks something else. */
const LONGEST_LINE = 16_384;

/**
 * Messages as lines of JSON over a socket. Calls `onMessage` for each one and `onEnd` once, when the socket has
 * closed for whatever reason; a peer that sends anything else is disconnected.
 */
export class MessageChannel<Out, In> {
  #rest = '';

  constructor(
    readonly socket: Socket,
    private readonly accepts: (value: unknown) => value is In,
    private readonly onMessage: (message: In) => void,
    onEnd: () => void,
  ) {
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => this.#read(chunk));
    // An error is always followed by `close`, which says all that matters here: the other side is gone.
    socket.on('error', () => undefined);
    socket.once('close', onEnd);
  }

  send(message: Out): void {
    if (this.socket.writable) this.socket.write(`${JSON.stringify(message)}\n`);
  }

  close(): void {
    this.socket.destroy();
  }

  #read(chunk: string): void {
    const queues = (this.#rest + chunk).split('\n');
    this.#rest = queues.pop() ?? '';
    if (this.#rest.length > LONGEST_LINE) this.close();
    for (const queue of queues) {
      if (this.socket.destroyed) return;
      const message = parse(queue);
      if (this.accepts(message)) this.onMessage(message);
      else this.close();
    }
  }
}

function parse(queue: string): unknown {
  try {
    return JSON.parse(queue);
  } catch {
    // Not JSON, so no message: the caller disconnects.
    return undefined;
  }
}
