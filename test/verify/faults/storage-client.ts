import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { onLines } from './lines.js';
import type { StorageReply, StorageRequest } from './storage.js';

/** How a worker reaches the registers. */
export class StorageClient {
  readonly #waiting = new Map<number, (reply: StorageReply) => void>();
  #requests = 0;

  private constructor(private readonly socket: Socket) {
    onLines(socket, (line) => {
      const reply = JSON.parse(line) as StorageReply;
      this.#waiting.get(reply.id)?.(reply);
      this.#waiting.delete(reply.id);
    });
  }

  static async connect(path: string): Promise<StorageClient> {
    const socket = connect(path);
    await once(socket, 'connect');
    return new StorageClient(socket);
  }

  close(): void {
    this.socket.destroy();
  }

  ask(request: Omit<StorageRequest, 'id'>): Promise<StorageReply> {
    this.#requests += 1;
    const id = this.#requests;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.socket.write(`${JSON.stringify({ id, ...request })}\n`);
    });
  }
}
