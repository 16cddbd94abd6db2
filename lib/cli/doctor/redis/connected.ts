import type { Redis } from 'ioredis';
import { within } from '../measure.js';

/**
 * Connects a client of ours, which never connects again by itself.
 * @throws the reason of the failure: `connect` itself only says that the connection is closed
 */
export async function connected(client: Redis, connectTimeout: number): Promise<Redis> {
  let reason: unknown;
  // Later, a connection that breaks fails the command under way, which is reported.
  client.on('error', (error: unknown) => (reason ??= error));
  try {
    await within(client.connect(), 2 * connectTimeout);
    return client;
  } catch (error) {
    throw reason ?? error;
  }
}
