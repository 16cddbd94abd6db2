import { channel, type Channel } from 'node:diagnostics_channel';

/** What every name of a channel begins with. */
const NAMESPACE = 'nestjs-coordination:';

/** What the channel of an event calls it: `lease-acquired` for `lease.acquired`. */
export function channelTypeOf(event: string): string {
  return event.replace('.', '-');
}

/**
 * The channel of node:diagnostics_channel on which an event is published, for all coordinators of the process and for every copy of this
 * package. Whoever calls this keeps the channel: one that nobody keeps is made anew each time.
 */
export function channelOf(event: string): Channel {
  return channel(NAMESPACE + channelTypeOf(event));
}
