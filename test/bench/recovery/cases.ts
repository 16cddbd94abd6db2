import type { RecoveryCase } from './case.js';
import { leaderCases } from './leader-cases.js';
import {
  LOCK,
  untilServed,
  untilUsable,
  withCoordinator,
  withDirectory,
  withHolder,
  withNodes,
} from './parts.js';

const namesOf = (nodes: number): string => (nodes === 1 ? 'one Redis node' : `${nodes} Redis nodes`);

/** A call waits, and the process that holds the lock gets a signal. */
async function signalHolder(backendUrl: string, ttl: number, name: 'SIGKILL' | 'SIGSTOP'): Promise<number> {
  return withHolder({ backendUrl, ttl }, (signal) =>
    withCoordinator({ backendUrl, ttl }, (coordinator) =>
      untilServed(
        coordinator,
        () => {
          signal(name);
          return performance.now();
        },
        ttl,
      ),
    ),
  );
}

const killedHolderOnFiles: RecoveryCase = {
  on: 'files',
  what: 'kill -9 of the holder',
  measure: (ttl) => withDirectory((url) => signalHolder(url, ttl, 'SIGKILL')),
};

function signalledHolder(nodes: number, name: 'SIGKILL' | 'SIGSTOP'): RecoveryCase {
  return {
    on: namesOf(nodes),
    what: name === 'SIGKILL' ? 'kill -9 of the holder' : 'SIGSTOP of the holder, for as long as it takes',
    measure: (ttl) => withNodes(nodes, 'lost', ({ url }) => signalHolder(url, ttl, name)),
  };
}

/** One dies while a call waits; the holder, who lives, then releases. */
const killedMinority: RecoveryCase = {
  on: namesOf(3),
  what: 'kill -9 of one node, then a release',
  measure: (ttl) =>
    withNodes(3, 'lost', ({ servers, url }) => {
      const options = { backendUrl: url, ttl };
      return withCoordinator(options, (holder) =>
        withCoordinator(options, async (waiter) => {
          const lease = await holder.getLock(LOCK).hold();
          const disturb = async (): Promise<number> => {
            await servers[0]?.kill();
            const brokenAt = performance.now();
            // Never rejects: where the dead node was one of two that had the lock, its end cannot be confirmed.
            await lease[Symbol.asyncDispose]();
            return brokenAt;
          };
          return untilServed(waiter, disturb, ttl);
        }),
      );
    }),
};

/** All nodes die and come back; from the moment when they answer again. */
function restartedNodes(nodes: number, data: 'kept' | 'lost', persistent: boolean): RecoveryCase {
  const how = data === 'lost' ? 'empty' : persistent ? 'with data, declared persistent' : 'with data';
  return {
    on: namesOf(nodes),
    what: `kill -9 of ${nodes === 1 ? 'it' : 'all'}, restarted ${how}`,
    measure: (ttl) =>
      withNodes(nodes, data, ({ servers, url }) =>
        withCoordinator({ backendUrl: url, ttl, redis: { persistent } }, async (coordinator) => {
          await coordinator.using(LOCK, () => undefined);
          await Promise.all(servers.map((server) => server.kill()));
          await Promise.all(servers.map((server) => server.restart()));
          return untilUsable(coordinator);
        }),
      ),
  };
}

/** One of three comes back without its data: the other two go on. */
const restartedMinority: RecoveryCase = {
  on: namesOf(3),
  what: 'kill -9 of one node, restarted empty',
  measure: (ttl) =>
    withNodes(3, 'lost', ({ servers, url }) =>
      withCoordinator({ backendUrl: url, ttl }, async (coordinator) => {
        await coordinator.using(LOCK, () => undefined);
        await servers[0]?.kill();
        await servers[0]?.restart();
        return untilUsable(coordinator);
      }),
    ),
};

export const cases: readonly RecoveryCase[] = [
  killedHolderOnFiles,
  signalledHolder(1, 'SIGKILL'),
  signalledHolder(3, 'SIGKILL'),
  signalledHolder(1, 'SIGSTOP'),
  signalledHolder(3, 'SIGSTOP'),
  killedMinority,
  restartedMinority,
  restartedNodes(1, 'kept', true),
  restartedNodes(1, 'kept', false),
  restartedNodes(1, 'lost', false),
  restartedNodes(3, 'kept', true),
  restartedNodes(3, 'kept', false),
  restartedNodes(3, 'lost', false),
  ...leaderCases,
];
