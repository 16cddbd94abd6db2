import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { channelOf } from '../common/channels.js';
import type { CoordinationMessage, CoordinatorEventName } from '../common/coordinator.events.js';

type Listeners = { readonly [E in CoordinatorEventName]?: (message: CoordinationMessage<E>) => void };

let warned = false;

function warnOnce(error: unknown): void {
  if (warned) return;
  warned = true;
  process.emitWarning(
    `nestjs-coordination: telemetry could not record an event, and says so once: ${String(error)}`,
  );
}

/** An error in a subscriber would end the process. */
function safely(listener: (message: never) => void): (message: unknown) => void {
  return (message) => {
    try {
      listener(message as never);
    } catch (error) {
      warnOnce(error);
    }
  };
}

/** Listens to the events of all coordinators of this process. @returns how to stop it */
export function listen(listeners: Listeners): () => void {
  const ends = Object.entries(listeners).map(([event, listener]) => {
    const { name } = channelOf(event);
    const hear = safely(listener);
    subscribe(name, hear);
    return () => unsubscribe(name, hear);
  });
  return () => {
    for (const end of ends) end();
  };
}
