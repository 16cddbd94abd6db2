import type { CallHandler } from '@nestjs/common';
import type { Observer, Subscriber, Subscription } from 'rxjs';
import type { SynchronizedDefinition } from '../definition/index.js';
import { refusals } from '../filters/index.js';
import { laterPartOf, readByNobody, whenRead } from './call-extent.js';
import type { Client } from './client.js';
import type { Scope } from './scope.js';

/** The parts of a call that depend on its transport. */
interface Transport {
  readonly http: boolean;
  /** The error with which the call is to end. */
  readonly errorFor: (error: unknown) => unknown;
  /** Answers for a handler that was skipped, where the handler itself would have answered. */
  readonly answerSkipped: (() => void) | undefined;
}

/**
 * Passes on what happens inside the outermost interceptor. It passes the end on, good or bad, after the locks were given back, so that a
 * client that comes again at once finds them free.
 */
export class HandlerCall implements Observer<unknown> {
  #inner: Subscription | undefined;
  #over = false;

  constructor(
    private readonly scope: Scope,
    private readonly definition: SynchronizedDefinition,
    private readonly client: Client | undefined,
    private readonly subscriber: Subscriber<unknown>,
    private readonly transport: Transport,
  ) {}

  /** Never throws. */
  open(next: CallHandler): void {
    try {
      if (this.definition.options.beforeInterceptors)
        this.#openEarly(next).catch((error: unknown) => this.error(error));
      else this.#subscribe(next);
    } catch (error) {
      this.error(error);
    }
  }

  next(value: unknown): void {
    try {
      this.#holdWhileRead(value);
    } catch (error) {
      this.#inner?.unsubscribe();
      return this.error(error);
    }
    this.subscriber.next(value);
  }

  error(error: unknown): void {
    if (this.#over) return;
    this.#over = true;
    if (this.scope.wasLeft(error)) refusals.overlook(error);
    void this.scope.end().then(() => this.#tell(error));
  }

  complete(): void {
    if (this.#over) return;
    try {
      this.#answer();
    } catch (error) {
      return this.error(error);
    }
    this.#over = true;
    void this.scope.end(true).then(() => {
      const { lost } = this.scope;
      if (lost) this.#tell(lost);
      else this.subscriber.complete();
    });
  }

  #tell(error: unknown): void {
    let told: unknown;
    try {
      told = this.transport.errorFor(error);
    } catch (failure) {
      told = failure;
    }
    this.subscriber.error(told);
  }

  async #openEarly(next: CallHandler): Promise<void> {
    if (await this.scope.take(this.definition.nameOf(undefined, []))) return this.#subscribe(next);
    this.subscriber.next(undefined);
    this.complete();
  }

  #subscribe(next: CallHandler): void {
    this.#inner = this.scope.run(() => next.handle().subscribe(this));
    // It may have ended while it was subscribed to.
    if (this.#over) this.#inner.unsubscribe();
    else this.subscriber.add(this.#inner);
  }

  /** A handler that has taken the response answers by itself, until the client has gone. */
  #answer(): void {
    const { scope, client, transport } = this;
    if (!transport.answerSkipped) return;
    if (scope.skipped) transport.answerSkipped();
    else if (client && !client.gone) scope.holdWhile(client.whenGone(), () => client.cut());
  }

  /** The result may be read only now: over HTTP by the code that sends it, and on other transports by none. */
  #holdWhileRead(value: unknown): void {
    const later = laterPartOf(value);
    if (!later) return;
    const { scope, client } = this;
    const { http } = this.transport;
    const { returns, label, options } = this.definition;
    if (returns === 'async-iterable') {
      // The iterable holds its lock itself. No other code ends one whose reader left before it began to read.
      if (http) void client?.whenGone().then(() => endIterator(later.value));
      return;
    }
    if (!http) {
      if (options.returns === 'promise') return;
      throw readByNobody(later, label);
    }
    const read = whenRead(later, client);
    if (read) scope.holdWhile(read, () => client?.cut());
  }
}

/** Never rejects: the reader of an iterator has got the error that it throws at its end. */
async function endIterator(iterable: object): Promise<void> {
  if (!('return' in iterable) || typeof iterable.return !== 'function') return;
  await Promise.resolve(iterable.return()).catch(() => undefined);
}
