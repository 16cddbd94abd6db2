import { queueOf, waitersOf } from '../../../lib/drivers/redis/keys.js';
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
 * renewal. The rest of a pair is what the package does in the process.
 */
export const commands: LockKind = {
  id: 'commands',
  name: 'the two commands of nestjs-coordination, bare',
  open: async ({ nodes, ttl }) => {
    const clients = await connect(nodes.slice(0, 1));
    const [client] = clients;
    if (!client) throw new Error('there is no node');
    const process = newProcess();
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
            const args = [id, ttl, FAR_AWAY, RECORD, '', 1, ALIVE, 'turn:', ''];
            return client.evalsha(ACQUIRE.sha, keys.length, ...keys, ...args);
          },
          release: () => client.evalsha(RELEASE.sha, keys.length, ...keys, id, RECORD, 'turn:'),
        };
      },
      close: () => {
        disconnect(clients);
        return Promise.resolve();
      },
    };
  },
};
