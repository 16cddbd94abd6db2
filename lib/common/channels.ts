import { channel, type Channel } from 'node:diagnostics_channel';

/** The prefix of every channel's name. */
const NAMESPACE = 'nestjs-coordination:';

/** The name of an event on its channel: `lease-acquired` for `lease.acquired`. */
export function channelTypeOf(event: string): string {
  return event.replace('.', '-');
}

/**
 * The channel of node:diagnostics_channel on which an event is published, for all coordinators of the process and for every copy of this
 * package. The caller keeps the channel: Node makes a channel anew when nothing keeps it.
 */
export function channelOf(event: string): Channel {
  return channel(NAMESPACE + channelTypeOf(event));
}
