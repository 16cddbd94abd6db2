/** An object that ends when a client leaves: a response, a socket, a stream of HTTP/2, a call of gRPC. */
export interface ClientLink {
  readonly closed?: boolean;
  readonly destroyed?: boolean;
  /** On a stream of HTTP/2: the client has cut it off. Its end may come much later, when all that the client had sent was read. */
  readonly aborted?: boolean;
  /** On a call of gRPC: the client has cancelled it. */
  readonly cancelled?: boolean;
  on(event: string, listener: () => void): unknown;
  removeListener(event: string, listener: () => void): unknown;
}

/** Every line emits 'close'; a property tells which of the other two it may emit as well. */
const EVENTS = ['close', 'aborted', 'cancelled'] as const;

/** The event of a response when all of it was sent. A response that was made without a server is never closed after that. */
const SENT = 'finish';

interface Watch {
  readonly listeners: Set<() => void>;
  readonly ring: () => void;
  readonly events: readonly string[];
}

/**
 * One listener for each line, however many calls watch it: a socket serves thousands of requests, pipelined ones and the
 * fields of GraphQL at the same time, and an emitter warns of more than ten.
 */
const watches = new WeakMap<ClientLink, Watch>();

/**
 * Calls `listener` when the line ends; returns how to call that off. Calling the last one off leaves no listener behind.
 * @param endsWhenSent true for a response that has ended when it was sent
 */
export function onEnd(line: ClientLink, listener: () => void, endsWhenSent = false): () => void {
  const watch = watches.get(line) ?? begin(line, endsWhenSent);
  watch.listeners.add(listener);
  return () => {
    if (!watch.listeners.delete(listener) || watch.listeners.size > 0) return;
    if (watches.get(line) === watch) end(line, watch);
  };
}

function begin(line: ClientLink, endsWhenSent: boolean): Watch {
  const listeners = new Set<() => void>();
  const ring = (): void => {
    end(line, watch);
    for (const listener of [...listeners]) listener();
  };
  const events: string[] = EVENTS.filter((event) => event === 'close' || event in line);
  if (endsWhenSent) events.push(SENT);
  const watch: Watch = { listeners, ring, events };
  watches.set(line, watch);
  for (const event of events) line.on(event, ring);
  return watch;
}

function end(line: ClientLink, { ring, events }: Watch): void {
  watches.delete(line);
  for (const event of events) line.removeListener(event, ring);
}
