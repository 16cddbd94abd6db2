import { Observable } from 'rxjs';
import { RequestHold } from './request-hold.js';

/** False in an application without such a method: its requests cost nothing for this. */
let wanted = false;

/** Called when a method of the application keeps its lock until the request has ended. */
export function wantRequestHolds(): void {
  wanted = true;
}

/** Whether the outermost interceptor is to keep locks: not when one outside of it does already. */
export function keepsForRequest(): boolean {
  return wanted && !RequestHold.current();
}

/**
 * The call of a handler. When it has ended, it gives back the locks that methods under `until: 'request'` have taken. Then it passes
 * the end on, good or bad.
 * @param errorFor makes the error that the client gets of a lost lease
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
