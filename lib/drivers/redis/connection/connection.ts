import type { Clock } from '../../../common/clock.js';
import type { RedisClient } from './clients.js';
import type { NodeError } from '../errors/index.js';

/** Keeps one connection to one node alive for its owner. */
export interface Connection {
  /** One try, in bounded time; rejects with a `NodeError`. Further tries follow in the background until `stop`. */
  start(): Promise<void>;
  /** The owner saw the connection hang or misbehave: drop it, and report `onUp` when it works again. */
  fail(error: NodeError): void;
  /** Takes a bounded time, never rejects. */
  stop(): Promise<void>;
}

export interface ConnectionOwner {
  /** Checks that the connection can do what the owner needs. */
  verify(client: RedisClient): Promise<void>;
  onUp(client: RedisClient): void;
  /** Called for each later try that has failed; not for the first one. */
  onRefused?(error: NodeError): void;
  /** Called once for every `onUp`. */
  onDown(error: NodeError): void;
}

export interface ConnectionSettings {
  /** How long one whole try may take, ms. */
  readonly connectTimeout: number;
  readonly clock: Clock;
  readonly random: () => number;
  /** Whether it speaks TLS, where that is known; for advice when the other side sends nothing sensible. */
  readonly tls?: boolean;
  /** Called when no sentinel reports other masters, and one has refused to. Without it, a client of ours does not listen to them. */
  readonly onSentinelsRefuse?: (error: unknown) => void;
  /** Removed from the text of every error. */
  readonly secrets: readonly string[];
}
