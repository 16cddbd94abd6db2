import type { Socket } from 'node:net';

/** The longest line that is read. Messages have about a hundred bytes: a longer line without an end is not our protocol. */
const LONGEST_LINE = 16_384;

/**
 * Messages as lines of JSON over a socket. Calls `onMessage` for each message, and `onEnd` once, when the socket has closed for any
 * reason. A peer that sends anything else is disconnected.
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
    // `close` follows every error, and says all that matters here: the other side is gone.
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
    // Not JSON, so not a message: the caller disconnects.
    return undefined;
  }
}
