import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** `up`: from the client to the server; `down`: back. */
export type Direction = 'up' | 'down';

/** What happens to the bytes of one direction. */
export interface Terms {
  /** How long each byte takes, ms; default 0. */
  readonly latency?: number;
  /** Bytes per second; default: no limit. */
  readonly bandwidth?: number;
  /** `hold`: bytes wait for the end of it, as TCP sends again; `lose`: they are gone, and the connection with them. */
  readonly cut?: 'hold' | 'lose';
}

/** One connection's bytes in one direction, in their order. */
class Pipe {
  #waiting: { readonly bytes: Buffer; readonly due: number }[] = [];
  #free = 0;
  #timer?: NodeJS.Timeout;
  /** Told when nothing waits any more. */
  #onEmpty?: () => void;
  lost = false;

  constructor(
    private readonly to: Socket,
    private terms: Terms,
  ) {}

  push(bytes: Buffer): void {
    const { latency = 0, bandwidth, cut } = this.terms;
    if (cut === 'lose') {
      this.lost = true;
    } else if (this.#waiting.length === 0 && cut === undefined && latency === 0 && bandwidth === undefined) {
      this.to.write(bytes);
    } else {
      const now = performance.now();
      this.#free =
        Math.max(now, this.#free) + (bandwidth === undefined ? 0 : (bytes.length / bandwidth) * 1000);
      this.#waiting.push({ bytes, due: this.#free + latency });
      this.#arm();
    }
  }

  set(terms: Terms): void {
    this.terms = terms;
    this.#free = 0;
    this.#arm();
  }

  /** Its sender is gone, and what that one has sent still arrives. */
  finish(onEmpty: () => void): void {
    this.#onEmpty = onEmpty;
    if (this.#waiting.length === 0) onEmpty();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#waiting = [];
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const [first] = this.#waiting;
    if (first && this.terms.cut === undefined) {
      this.#timer = setTimeout(() => this.#flush(), Math.max(0, first.due - performance.now()));
    }
  }

  #flush(): void {
    const now = performance.now();
    while (this.#waiting[0] && this.#waiting[0].due <= now) this.to.write(this.#waiting.shift()!.bytes);
    if (this.#waiting.length === 0) this.#onEmpty?.();
    else this.#arm();
  }
}

interface Connection {
  readonly sockets: readonly Socket[];
  readonly pipes: Readonly<Record<Direction, Pipe>>;
}

/**
 * A TCP proxy on a free port of 127.0.0.1 that can delay, narrow, cut and reset what goes through it. A cut is silent:
 * nobody is told, and new connections are accepted.
 *
 * @example
 * const proxy = await TcpProxy.start(6379);
 * proxy.set('down', { cut: 'hold' }); // requests arrive, replies do not
 * proxy.heal();
 */
export class TcpProxy {
  readonly #connections = new Set<Connection>();
  #terms: Record<Direction, Terms> = { up: {}, down: {} };

  private constructor(
    private readonly server: Server,
    private readonly target: () => number,
  ) {
    server.on('connection', (client) => this.#accept(client));
  }

  /** @param target the port of 127.0.0.1 to pass everything on to; a function is asked for each connection */
  static async start(target: number | (() => number)): Promise<TcpProxy> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new TcpProxy(server, typeof target === 'number' ? () => target : target);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  set(direction: Direction | 'both', terms: Terms): void {
    for (const each of direction === 'both' ? (['up', 'down'] as const) : [direction]) {
      this.#terms[each] = terms;
      for (const { pipes } of this.#connections) pipes[each].set(terms);
    }
  }

  /** Lets everything through again; what was held arrives late, connections that lost bytes are reset. */
  heal(): void {
    for (const connection of [...this.#connections]) {
      if (connection.pipes.up.lost || connection.pipes.down.lost) this.#end(connection);
    }
    this.set('both', {});
  }

  /** Resets every connection. */
  reset(): void {
    for (const connection of [...this.#connections]) this.#end(connection);
  }

  async stop(): Promise<void> {
    this.reset();
    await new Promise((resolve) => void this.server.close(resolve));
  }

  #accept(client: Socket): void {
    const upstream = connect(this.target(), '127.0.0.1');
    const pipes = { up: new Pipe(upstream, this.#terms.up), down: new Pipe(client, this.#terms.down) };
    const connection = { sockets: [client, upstream], pipes };
    this.#connections.add(connection);
    client.setNoDelay(true);
    upstream.setNoDelay(true);
    client.on('data', (bytes) => pipes.up.push(bytes));
    upstream.on('data', (bytes) => pipes.down.push(bytes));
    // An error is followed by a close.
    for (const socket of connection.sockets) socket.on('error', () => undefined);
    client.on('close', () => pipes.up.finish(() => this.#end(connection)));
    upstream.on('close', () => pipes.down.finish(() => this.#end(connection)));
  }

  #end(connection: Connection): void {
    if (!this.#connections.delete(connection)) return;
    connection.pipes.up.close();
    connection.pipes.down.close();
    for (const socket of connection.sockets) socket.resetAndDestroy();
  }
}
