import type { Redis } from 'ioredis';
import type { RedisClient } from './clients.js';

/**
 * Sends all commands of `sendAll` in one write: a write costs as much as the rest of a command. For a Cluster each command is
 * written by itself, as they go to different servers.
 */
export function writeTogether(client: RedisClient, sendAll: () => void): void {
  const { stream } = client as Partial<Redis>;
  stream?.cork();
  try {
    sendAll();
  } finally {
    stream?.uncork();
  }
}
