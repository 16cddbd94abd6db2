import type { Redis } from 'ioredis';
import type { RedisClient } from './clients.js';

/**
 * Has all that `sendAll` sends go out in one write: a write costs as much as the rest of a command. Of a Cluster each command
 * goes out by itself, as they go to different servers.
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
