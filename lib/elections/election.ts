/**
 * The leader of an election.
 * @publicApi
 */
export interface Leader {
  /** The coordinator's `memberId`. Two processes may have one by mistake: it does not tell leaders apart. */
  readonly memberId: string;
  /** The coordinator's `agentId`. */
  readonly agentId: string;
  /** Names one start of one coordinator, and so tells two processes with one `agentId` apart. */
  readonly incarnation: string;
  /** A number that grows with every leader of the election; it is the fencing token of the lock behind it. */
  readonly term: number;
  /** When the term began by the leader's clock, Unix time in ms. */
  readonly since: number;
}

/**
 * One term of this replica as the leader.
 *
 * @example
 * const leadership = await coordinator.getElection('quota').campaign();
 * while (!leadership.signal.aborted) await balanceQuotas({ signal: leadership.signal });
 *
 * @publicApi
 */
export interface Leadership {
  /** The name of the election. */
  readonly election: string;
  /** A number larger than that of every term before, on every replica: storage can refuse a leader that comes too late. */
  readonly term: number;
  /**
   * Aborts with `LeaseLostError` when the term ends, by a resignation too, and no later than the deadline of the lease. Reading
   * `aborted` or calling `throwIfAborted()` compares the clock, so both are right even after the event loop was blocked.
   */
  readonly signal: AbortSignal;
  /**
   * Ends this very term; does nothing to a later one. See {@link Election.resign}.
   * @returns false when this term had ended already
   */
  resign(): Promise<boolean>;
}

/**
 * The options of one call of {@link Election.campaign}.
 * @publicApi
 */
export interface CampaignOptions {
  /** When it aborts, the call leaves the campaign and rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * At most one of all replicas leads an election at a time.
 *
 * An election is a fair lock, `election:` and its name, whose fencing token is the term, and a record that names the leader.
 *
 * @example
 * const election = coordinator.getElection('quota');
 * for await (const leader of election.watch()) console.log(leader?.agentId ?? 'no leader');
 *
 * @publicApi
 */
export interface Election {
  /** The election's name. */
  readonly name: string;

  /** True while this replica leads. Looks at the clock, so it is never true after the deadline of the lease. */
  readonly isLeader: boolean;

  /**
   * Waits until this replica leads. Calls of one process share one place in the queue. While this replica leads already, a call gets the
   * present term.
   *
   * @throws the reason of the signal, when it aborts
   * @throws InvalidOptionsError when the coordinator's option `candidate` is false
   * @throws BackendUnavailableError when the back end has not answered for one ttl, or the coordinator is shutting down
   * @throws LeaseLostError when the term had ended before it could begin
   * @throws LockCreationFailedError when the coordinator is not started
   */
  campaign(options?: CampaignOptions): Promise<Leadership>;

  /**
   * Ends the present term of this replica: `isLeader` is false at once, then listeners are told, and the lock is released when
   * the work of the leader has ended (methods under `@LeaderOnly`, listeners of `@OnElected` and `@OnDemoted`). Work that goes on
   * for longer than the coordinator's `stopTimeout` keeps the lock until its ttl is over. A campaign under way goes on; its signal ends it.
   *
   * @returns whether it led and has handed over. A call from the leader's own work resolves before the hand-over
   * @throws BackendUnavailableError when the back end did not confirm it; another replica leads after the ttl
   */
  resign(): Promise<boolean>;

  /**
   * The leader, as far as the back end knows: a leader that was killed is shown until its ttl is over.
   *
   * @throws BackendUnavailableError when it cannot be asked
   * @throws LockCreationFailedError when the coordinator is not started
   */
  leader(): Promise<Leader | undefined>;

  /**
   * Asks the leader, on whichever replica, to step down: it resigns, and campaigns again behind the others. A leader without other
   * candidates is elected again.
   *
   * @returns false when no replica leads; otherwise true, as soon as the request is stored
   * @throws BackendUnavailableError when it cannot be stored
   */
  requestResign(): Promise<boolean>;

  /**
   * Yields the leader: the present one first, then each change. A consumer that is slow gets the latest state. Ends when the coordinator
   * stops, or when the consumer leaves the loop. While the back end is away it yields nothing.
   *
   * @throws LockCreationFailedError when the coordinator is not started
   */
  watch(): AsyncIterableIterator<Leader | undefined>;
}
