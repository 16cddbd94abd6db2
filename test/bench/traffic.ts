import { EventEmitter, once } from 'node:events';
import type { Redis } from 'ioredis';
import { monitorRedis } from '../support/redis-monitor.js';
import { connect, disconnect } from './locks/clients.js';

/** For each name of a command the share of its calls that clients sent; the others came out of scripts. */
export type Origins = ReadonlyMap<string, number>;

export interface Counted<T> {
  readonly result: T;
  /** Commands that clients sent to the nodes. */
  readonly sent: number;
  /** Messages published, by clients or by scripts. */
  readonly published: number;
}

/** What nobody else sends: the last command of a trial. */
const END = 'echo';
/** Sent by the one who counts. */
const OWN = ['info', 'monitor', END];

/**
 * Counts the commands that the nodes execute.
 *
 * `INFO commandstats` counts those within scripts too. Which ones these are is learnt beforehand from MONITOR, which
 * tells where each comes from, during a trial that is not timed.
 */
export class Traffic {
  private constructor(
    private readonly nodes: readonly string[],
    private readonly clients: readonly Redis[],
  ) {}

  static async on(nodes: readonly string[]): Promise<Traffic> {
    return new Traffic(nodes, await connect(nodes));
  }

  async learn(trial: () => Promise<unknown>): Promise<Origins> {
    const seen = new Map<string, { all: number; sent: number }>();
    const count = (name: string, source: string): void => {
      const counts = seen.get(name) ?? { all: 0, sent: 0 };
      counts.all += 1;
      if (source !== 'lua') counts.sent += 1;
      seen.set(name, counts);
    };
    const monitors = await Promise.all(
      this.nodes.map(async (url) => {
        const lines = new EventEmitter();
        const ended = once(lines, END);
        const monitor = await monitorRedis(url, ({ args: [command = ''], source }) => {
          const name = command.toLowerCase();
          if (name === END) lines.emit(END);
          else count(name, source);
        });
        return { monitor, ended };
      }),
    );
    try {
      await trial();
      // Then all lines before it have come, too.
      await Promise.all(this.clients.map((client) => client.call(END, END)));
      await Promise.all(monitors.map(({ ended }) => ended));
    } finally {
      for (const { monitor } of monitors) monitor.close();
    }
    return new Map([...seen].map(([name, { all, sent }]) => [name, sent / all]));
  }

  async during<T>(origins: Origins, body: () => Promise<T>): Promise<Counted<T>> {
    const before = await this.#calls();
    const result = await body();
    const after = await this.#calls();
    let sent = 0;
    let published = 0;
    for (const [name, calls] of after) {
      const more = calls - (before.get(name) ?? 0);
      if (!OWN.includes(name)) sent += more * (origins.get(name) ?? 1);
      if (name === 'publish' || name === 'spublish') published += more;
    }
    return { result, sent, published };
  }

  close(): void {
    disconnect(this.clients);
  }

  /** Of all nodes together, by the first word of the command. */
  async #calls(): Promise<Map<string, number>> {
    const calls = new Map<string, number>();
    for (const text of await Promise.all(this.clients.map((client) => client.info('commandstats')))) {
      for (const [, name = '', count] of text.matchAll(/^cmdstat_([^:|]+)[^:]*:calls=(\d+)/gm)) {
        calls.set(name, (calls.get(name) ?? 0) + Number(count));
      }
    }
    return calls;
  }
}
