import { queueOf, TURN_CHANNEL, waitersOf } from '../../../lib/drivers/redis/scripts/keys.js';
import { callScript, type Script, ScriptKeys } from '../../../lib/drivers/redis/scripts/script.js';
import { ACQUIRE, RELEASE } from '../../../lib/drivers/redis/scripts/index.js';
import { newProcess } from '../../../lib/drivers/redis/scripts/holder-id.js';
import { connect, disconnect } from './clients.js';
import type { LockKind } from './locks.js';
import { majority } from './raw.js';

/** As long as the record of a node is. */
const RECORD = `${'0'.repeat(40)} - 1700000000000 10000`;
const FAR_AWAY = '9000000000000';
const ALIVE = '600';

/**
 * What this package sends for an acquisition and a release, until a majority has answered, and nothing else of it: no
 * deadline, no queue, no renewal. Who has to wait is told by a message of the first node, and who misses it waits for ever.
 * The rest is what the package does in the process.
 */
export const commands: LockKind = {
  id: 'commands',
  name: 'the two commands of nestjs-coordination, bare',
  open: async ({ nodes, ttl }) => {
    const clients = await connect(nodes);
    const process = newProcess();
    const turns = new Map<string, () => void>();
    const subscribers = await connect(nodes.slice(0, 1));
    for (const subscriber of subscribers) {
      subscriber.on('message', (_channel: string, message: string) =>
        turns.get(message.split(' ', 1)[0] ?? '')?.(),
      );
      await subscriber.subscribe(TURN_CHANNEL + process);
    }
    for (const client of clients) {
      await client.set('bare-record', RECORD);
      await Promise.all([ACQUIRE, RELEASE].map(({ text }) => client.script('LOAD', text)));
    }
    let count = 0;
    return {
      lock: (key) => {
        const keys = new ScriptKeys([key, 'bare-record', queueOf(key), waitersOf(key)]);
        const all = (script: Script, args: readonly string[]): Promise<unknown>[] =>
          clients.map((client) => callScript(client, script, keys, args));
        let id = '';
        return {
          acquire: () => {
            count += 1;
            id = `${process}-${count.toString(36)}`;
            return new Promise<void>((resolve, reject) => {
              const acquired = (): void => {
                turns.delete(id);
                resolve();
              };
              turns.set(id, acquired);
              majority(
                all(ACQUIRE, [id, String(ttl), FAR_AWAY, RECORD, ALIVE]),
                (reply) => typeof reply === 'number',
              ).then((taken) => taken && acquired(), reject);
            });
          },
          release: () => majority(all(RELEASE, [id, RECORD]), () => true),
        };
      },
      close: () => {
        disconnect([...clients, ...subscribers]);
        return Promise.resolve();
      },
    };
  },
};
