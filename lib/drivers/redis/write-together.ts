import type { Redis } from 'ioredis';
import type { RedisClient } from './clients.js';

/** Kept, as tests of an application may put clocks of theirs in its place that stand still. */
const nextTick = process.nextTick.bind(process);

/**
 * Has all that is sent until the end of this turn of the event loop go out in one write: a write costs as much as the
 * rest of a command. Of a Cluster each command goes out by itself, as they go to different servers.
 */
export function writeTogether(client: RedisClient): void {
  const { stream } = client as Partial<Redis>;
  if (!stream || stream.writableCorked > 0) return;
  stream.cork();
  nextTick(() => stream.uncork());
}
