import type { Redis } from 'ioredis';
import { queueOf, TURN_CHANNEL, waitersOf } from '../../../lib/drivers/redis/keys.js';
import { ACQUIRE, RELEASE } from '../../../lib/drivers/redis/scripts.js';
import { newProcess } from '../../../lib/drivers/redis/waiter-id.js';
import { connect, disconnect } from './clients.js';
import type { LockKind } from './locks.js';

/** As long as the record of a node is. */
const RECORD = `${'0'.repeat(40)} - 1700000000000 10000`;
const FAR_AWAY = 9_000_000_000_000;
const ALIVE = 600;

/**
 * What this package sends for an acquisition and a release on one node, and nothing else of it: no deadline, no queue, no
 * renewal. Who has to wait is told by a message, and who misses it waits for ever. The rest is what the package does in the
 * process.
 */
export const commands: LockKind = {
  id: 'commands',
  name: 'the two commands of nestjs-coordination, bare',
  open: async ({ nodes, ttl }) => {
    const clients = await connect(nodes.slice(0, 1));
    const [client] = clients;
    if (!client) throw new Error('there is no node');
    const process = newProcess();
    const turns = new Map<string, () => void>();
    const [subscriber] = (await connect(nodes.slice(0, 1))) as [Redis];
    clients.push(subscriber);
    subscriber.on('message', (_channel: string, message: string) =>
      turns.get(message.split(' ', 1)[0] ?? '')?.(),
    );
    await subscriber.subscribe(TURN_CHANNEL + process);
    await client.set('bare-record', RECORD);
    await Promise.all([ACQUIRE, RELEASE].map(({ text }) => client.script('LOAD', text)));
    let count = 0;
    return {
      lock: (key) => {
        const keys = [key, 'bare-record', queueOf(key), waitersOf(key)];
        let id = '';
        return {
          acquire: () => {
            count += 1;
            id = `${process}-${count.toString(36)}`;
            const args = [id, ttl, FAR_AWAY, RECORD, ALIVE];
            return new Promise<void>((resolve, reject) => {
              const acquired = (): void => {
                turns.delete(id);
                resolve();
              };
              turns.set(id, acquired);
              client
                .evalsha(ACQUIRE.sha, keys.length, ...keys, ...args)
                .then((reply) => typeof reply === 'number' && acquired(), reject);
            });
          },
          release: () => client.evalsha(RELEASE.sha, keys.length, ...keys, id, RECORD),
        };
      },
      close: () => {
        disconnect(clients);
        return Promise.resolve();
      },
    };
  },
};
