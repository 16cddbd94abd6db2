import { EventEmitter, once } from 'node:events';
import { mkdirSync, openSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';

const kept: unknown[] = [];

export interface PlantContext {
  readonly url: string;
  readonly signal: AbortSignal;
}

interface Plant {
  /** The back end on which it shows. */
  readonly on: string;
  /** The count that has to show it. */
  readonly foundBy: string;
  readonly plant: (context: PlantContext) => unknown;
}

/** Leaks to plant in a run, to see that each is found. */
export const PLANTS: Readonly<Record<string, Plant>> = {
  listener: {
    on: 'memory:',
    foundBy: 'listeners on process',
    plant: () => process.on('exit', () => undefined),
  },
  'signal listener': {
    on: 'memory:',
    foundBy: "listeners on the callers' AbortSignal",
    plant: ({ signal }) => signal.addEventListener('abort', () => undefined),
  },
  warning: {
    on: 'memory:',
    foundBy: 'warnings of Node',
    plant: () => {
      const emitter = new EventEmitter();
      for (let listener = 0; listener < 20; listener += 1) emitter.on('leak', () => undefined);
      return once(process, 'warning');
    },
  },
  'background timer': {
    on: 'memory:',
    foundBy: 'pending timers',
    plant: () => setTimeout(() => undefined, 3_600_000).unref(),
  },
  timer: {
    on: 'memory:',
    foundBy: 'active resources',
    plant: () => setInterval(() => undefined, 3_600_000),
  },
  socket: {
    on: 'redis 1',
    foundBy: 'sockets',
    plant: ({ url }) => connection(url),
  },
  descriptor: {
    on: 'memory:',
    foundBy: 'other file descriptors',
    plant: () => openSync(fileURLToPath(import.meta.url), 'r'),
  },
  memory: {
    on: 'memory:',
    foundBy: 'heap',
    plant: () => kept.push(Array.from({ length: 2_000_000 }, (_, index) => index + 0.5)),
  },
  key: {
    on: 'redis 1',
    foundBy: 'keys without a ttl',
    plant: ({ url }) => ask(url, (client) => client.set(`left-${kept.length}`, '1')),
  },
  lock: {
    on: 'redis 1',
    foundBy: 'locks held',
    plant: ({ url }) => ask(url, (client) => client.set('coordination:lock:left', '1', 'EX', 3600)),
  },
  connection: {
    on: 'redis 1',
    foundBy: 'connections to the nodes',
    plant: ({ url }) => connection(url),
  },
  channel: {
    on: 'redis 1',
    foundBy: 'channels subscribed',
    plant: async ({ url }) => {
      const client = new Redis(portOf(url), { retryStrategy: () => null });
      kept.push(client);
      await client.subscribe(`left-${kept.length}`);
    },
  },
  script: {
    on: 'redis 1',
    foundBy: 'scripts kept by the nodes',
    plant: ({ url }) =>
      ask(url, async (client) => {
        for (let index = 0; index < 20; index += 1) await client.eval(`return ${index}`, 0);
      }),
  },
  'record file': {
    on: 'file:',
    foundBy: 'record files for good',
    plant: ({ url }) => writeFileSync(`${fileURLToPath(url)}/records/${kept.push('record')}`, ''),
  },
  'large file': {
    on: 'file:',
    foundBy: 'bytes of the largest lock file',
    plant: ({ url }) => writeFileSync(`${fileURLToPath(url)}/locks/large`, 'x'.repeat(4096)),
  },
  file: {
    on: 'file:',
    foundBy: 'other files',
    plant: ({ url }) => {
      mkdirSync(`${fileURLToPath(url)}/left`, { recursive: true });
      writeFileSync(`${fileURLToPath(url)}/left/${kept.push('file')}`, '');
    },
  },
};

function portOf(url: string): number {
  return Number(new URL(url.split(',')[0] ?? url).port);
}

/** Answered once: only then has the server counted it, too. */
async function connection(url: string): Promise<void> {
  const socket = connect(portOf(url), '127.0.0.1').unref();
  socket.write('PING\r\n');
  await once(socket, 'data');
}

async function ask(url: string, command: (client: Redis) => Promise<unknown>): Promise<void> {
  const client = new Redis(portOf(url));
  await command(client);
  client.disconnect();
  await once(client, 'end');
}
