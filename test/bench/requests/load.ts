import { Agent, get } from 'node:http';

/** Clients that ask at the same time, each for something of its own, on a connection of its own. */
const CLIENTS = 8;

/** Requests to one server, over connections that stay open. */
export class Load {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: CLIENTS, noDelay: true });

  constructor(
    private readonly port: number,
    private readonly route: string,
  ) {}

  /** Sends so many requests; rejects when one of them is not answered as it should be. */
  async send(requests: number): Promise<void> {
    const clients = Array.from({ length: CLIENTS }, async (_, client) => {
      for (let sent = client; sent < requests; sent += CLIENTS) await this.#get(`client-${client}`);
    });
    await Promise.all(clients);
  }

  close(): void {
    this.#agent.destroy();
  }

  #get(id: string): Promise<void> {
    const options = { host: '127.0.0.1', port: this.port, path: `/${this.route}/${id}`, agent: this.#agent };
    return new Promise((resolve, reject) => {
      get(options, (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (body += chunk));
        response.on('error', reject);
        response.on('end', () => {
          if (response.statusCode === 200 && body === JSON.stringify({ id })) resolve();
          else reject(new Error(`${options.path} was answered with ${response.statusCode}: ${body}`));
        });
      }).on('error', reject);
    });
  }
}
