import { Observable } from 'rxjs';
import { RequestHold } from './request-hold.js';

/** A request costs nothing for this in an application that has no such method. */
let wanted = false;

/** A method of the application keeps its lock until the request has ended. */
export function wantRequestHolds(): void {
  wanted = true;
}

/** Whether the outermost interceptor is to keep locks: it is not inside of one that does already. */
export function keepsForRequest(): boolean {
  return wanted && !RequestHold.current();
}

/**
 * The call of a handler, at whose end the locks are given back that methods under `until: 'request'` have taken. The end, good or bad, is
 * told after that.
 * @param errorFor what the client is told of a lost lease
 */
export function holdUntilEnd(
  work: () => Observable<unknown>,
  errorFor: (error: unknown) => unknown,
): Observable<unknown> {
  return new Observable((subscriber) => {
    const hold = new RequestHold();
    const inner = hold.run(() =>
      work().subscribe({
        next: (value) => subscriber.next(value),
        error: (error: unknown) => void hold.end().then(() => subscriber.error(error)),
        complete: () =>
          void hold.end().then(() => {
            const { lost } = hold;
            if (lost) subscriber.error(errorFor(lost));
            else subscriber.complete();
          }),
      }),
    );
    return () => {
      inner.unsubscribe();
      void hold.end();
    };
  });
}
