import type { Clock, Timer } from '../../../common/clock.js';
import { Backoff } from '../../../common/backoff.js';
import { RECONNECTING, type RedisClient } from '../connection/index.js';
import { cleanError, type NodeError } from '../errors/index.js';

export interface NodeRefusalSettings {
  readonly clock: Clock;
  readonly random: () => number;
  readonly secrets: readonly string[];
}

/**
 * A server that answers and refuses for a while: it is full, cannot save, lacks replicas, or takes rights away.
 *
 *     well ──suspect──▶ (examined) ──fails──▶ ill ──examined again and again──▶ well
 *
 * An examination decides whether the server is ill. A single refusal does not: it may concern one key only.
 */
export class NodeRefusal {
  /** Why nothing new may be asked of the server; undefined when it is well. */
  reason: NodeError | undefined;
  #backoff: Backoff;
  #examined: RedisClient | undefined;
  #timer: Timer | undefined;

  /**
   * @param examine rejects when the server still refuses
   * @param onChange called when the server becomes ill or well; not for `begin` and `end`
   */
  constructor(
    private readonly settings: NodeRefusalSettings,
    private readonly examine: (client: RedisClient) => Promise<void>,
    private readonly onChange: () => void,
  ) {
    this.#backoff = new Backoff({ ...RECONNECTING, random: settings.random });
  }

  /** The server refused something over this connection: examines whether it is ill. One examination at a time. */
  suspect(client: RedisClient): void {
    if (this.#examined === undefined && this.#timer === undefined) void this.#look(client);
  }

  /** The owner has found out that the server is ill. */
  begin(client: RedisClient, error: NodeError): void {
    this.reason = error.asReason(false);
    this.#lookLater(client);
  }

  /** The connection is over: forgets all that is known of the server. */
  end(): void {
    this.reason = undefined;
    this.#examined = undefined;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#backoff.reset();
  }

  async #look(client: RedisClient): Promise<void> {
    this.#timer = undefined;
    this.#examined = client;
    const error = await this.examine(client).then(
      () => undefined,
      (thrown: unknown) => cleanError(thrown, this.settings.secrets),
    );
    // The connection was given up meanwhile.
    if (this.#examined !== client) return;
    this.#examined = undefined;
    const was = this.reason;
    this.reason = error?.asReason(false);
    if (error) this.#lookLater(client);
    else this.#backoff.reset();
    if ((was === undefined) !== (error === undefined)) this.onChange();
  }

  #lookLater(client: RedisClient): void {
    this.#timer = this.settings.clock.setTimer(
      this.#backoff.next(),
      () => void this.#look(client),
      'background',
    );
  }
}
