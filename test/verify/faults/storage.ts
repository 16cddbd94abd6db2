import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { onLines } from './lines.js';

/** Both registers of a lock are read, or written, with one message. */
export interface StorageRequest {
  readonly id: number;
  readonly worker: string;
  readonly lock: string;
  readonly token?: number;
  /** Absent: read them. */
  readonly write?: { readonly fenced?: number; readonly control: number };
}

export interface StorageReply {
  readonly id: number;
  /** Whether the fenced register took the request, and what it holds then. */
  readonly accepted: boolean;
  readonly fenced: number;
  readonly control: number;
}

/** For a fault that is aimed at what a worker does with the registers. */
export interface Trap {
  /** Whether it wants this request; the request has taken effect by then, and has no answer yet. */
  catches(request: StorageRequest): boolean;
  /** Told at once; `answer` lets the reply go. */
  onCaught(request: StorageRequest, answer: () => void): void;
}

interface Registers {
  fenced: number;
  floor: number;
  control: number;
}

/**
 * What the locks protect: for each lock a register that refuses a token below the largest it has seen, on reads and on
 * writes, and a control that takes everything. One process, so each request is one step.
 */
export class RegisterStorage {
  readonly #registers = new Map<string, Registers>();
  readonly #sockets = new Set<Socket>();
  readonly #traps = new Set<Trap>();
  readonly #listeners = new Set<(request: StorageRequest) => void>();

  private constructor(private readonly server: Server) {
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      // A worker that is killed is no news; what it has sent before still counts.
      socket.on('error', () => undefined);
      onLines(socket, (line) => this.#answer(socket, JSON.parse(line) as StorageRequest));
    });
  }

  static async open(path: string): Promise<RegisterStorage> {
    const server = createServer();
    server.listen(path);
    await once(server, 'listening');
    return new RegisterStorage(server);
  }

  /** Springs once. @returns how to take it away again */
  set(trap: Trap): () => void {
    this.#traps.add(trap);
    return () => this.#traps.delete(trap);
  }

  /** Tells of every request, after it has taken effect. @returns how to stop */
  listen(listener: (request: StorageRequest) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** What the registers hold, and forgets them: the next run uses other names. */
  take(): { readonly lock: string; readonly fenced: number; readonly control: number }[] {
    const all = [...this.#registers].map(([lock, { fenced, control }]) => ({ lock, fenced, control }));
    this.#registers.clear();
    return all;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => void this.server.close(resolve));
  }

  #answer(socket: Socket, request: StorageRequest): void {
    const reply = `${JSON.stringify(this.#apply(request))}\n`;
    for (const listener of this.#listeners) listener(request);
    const answer = (): void => void socket.write(reply);
    const trap = [...this.#traps].find((each) => each.catches(request));
    if (!trap) return answer();
    this.#traps.delete(trap);
    trap.onCaught(request, answer);
  }

  #apply({ id, lock, token, write }: StorageRequest): StorageReply {
    let registers = this.#registers.get(lock);
    if (!registers) this.#registers.set(lock, (registers = { fenced: 0, floor: -Infinity, control: 0 }));
    const accepted = token === undefined || token >= registers.floor;
    if (accepted) {
      registers.floor = Math.max(registers.floor, token ?? -Infinity);
      if (write?.fenced !== undefined) registers.fenced = write.fenced;
    }
    if (write) registers.control = write.control;
    return { id, accepted, fenced: registers.fenced, control: registers.control };
  }
}
