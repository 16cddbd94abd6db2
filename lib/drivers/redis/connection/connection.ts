import type { Clock } from '../../../common/clock.js';
import type { RedisClient } from './clients.js';
import type { NodeError } from '../errors/index.js';

/** Keeps one connection to one node alive for its owner. */
export interface Connection {
  /** One try, bounded; rejects with a `NodeError`. The tries go on in the background until `stop`. */
  start(): Promise<void>;
  /** The owner saw it hang or misbehave: give it up, and come back when it works again. */
  fail(error: NodeError): void;
  /** Bounded, never rejects. */
  stop(): Promise<void>;
}

export interface ConnectionOwner {
  /** Checks that the connection can do what the owner needs. */
  verify(client: RedisClient): Promise<void>;
  onUp(client: RedisClient): void;
  /** Told of each try after the first one that has failed. */
  onRefused?(error: NodeError): void;
  /** Told once for every `onUp`. */
  onDown(error: NodeError): void;
}

export interface ConnectionSettings {
  /** How long one try may take in all, ms. */
  readonly connectTimeout: number;
  readonly clock: Clock;
  readonly random: () => number;
  /** Whether it speaks TLS, where that is known; for advice when nothing sensible comes back. */
  readonly tls?: boolean;
  /** Told when no sentinel tells of another master, and one has refused to. Without it a client of ours does not listen to them. */
  readonly onSentinelsRefuse?: (error: unknown) => void;
  /** Taken out of every error's text. */
  readonly secrets: readonly string[];
}
