import type { CallHandler } from '@nestjs/common';
import type { Observer, Subscriber, Subscription } from 'rxjs';
import type { SynchronizedDefinition } from '../definition/index.js';
import { refusals } from '../filters/index.js';
import { laterPartOf, readByNobody, whenRead } from './call-extent.js';
import type { Client } from './client.js';
import type { Scope } from './scope.js';

/** What depends on the transport of a call. */
interface Transport {
  readonly http: boolean;
  /** The error with which the call is to end. */
  readonly errorFor: (error: unknown) => unknown;
  /** Where the handler would have answered itself: does so for one that was skipped. */
  readonly answerSkipped: (() => void) | undefined;
}

/**
 * What happens inside the outermost interceptor, handed on to what is outside. The end, good or bad, is told after the locks were given
 * back, so that a client that comes again at once finds them free.
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

  /** What was returned may be read only now: over HTTP by who sends it, and otherwise by nobody. */
  #holdWhileRead(value: unknown): void {
    const later = laterPartOf(value);
    if (!later) return;
    const { scope, client } = this;
    const { http } = this.transport;
    const { returns, label, options } = this.definition;
    if (returns === 'async-iterable') {
      // It holds its lock itself. Nobody ends one whose reader left before it began to read.
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

/** Never rejects: what an iterator throws at its end, it has thrown to who read it. */
async function endIterator(iterable: object): Promise<void> {
  if (!('return' in iterable) || typeof iterable.return !== 'function') return;
  await Promise.resolve(iterable.return()).catch(() => undefined);
}
