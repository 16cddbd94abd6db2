import { describe, expect, it } from 'vitest';
import { Cancellation, type CancelSource } from '../../lib/common/cancellation.js';

class Source implements CancelSource {
  hasLeft = false;
  readonly listeners = new Set<() => void>();

  onGone(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  leave(): void {
    this.hasLeft = true;
    this.ring();
  }

  ring(): void {
    const listeners = [...this.listeners];
    this.listeners.clear();
    for (const listener of listeners) listener();
  }
}

function cancellation(source?: Source) {
  const made: Error[] = [];
  const called: string[] = [];
  const makeReason = (): Error => {
    made.push(new Error('left'));
    return made.at(-1) as Error;
  };
  return { made, called, cancelled: new Cancellation(makeReason, source) };
}

describe('a cancellation', () => {
  it('makes its reason for the one that reads it, once', () => {
    const { made, cancelled } = cancellation();
    expect(cancelled.reason).toBeUndefined();
    cancelled.throwIfAborted();
    cancelled.cancel();
    expect([cancelled.aborted, made.length]).toEqual([true, 0]);
    const { reason } = cancelled;
    expect(() => cancelled.throwIfAborted()).toThrow('left');
    expect([cancelled.reason, made.length]).toEqual([reason, 1]);
  });

  it('calls its listeners once, and not those that were called off', () => {
    const { called, cancelled } = cancellation();
    cancelled.onCancel(() => called.push('first'));
    cancelled.onCancel(() => called.push('called off'))();
    cancelled.onCancelOrGone(() => called.push('watching'));
    cancelled.cancel();
    cancelled.cancel();
    expect(called).toEqual(['first', 'watching']);
  });

  it('is cancelled by the look that finds that its source has left', () => {
    const source = new Source();
    const { called, cancelled } = cancellation(source);
    cancelled.onCancel(() => called.push('told'));
    expect(source.listeners.size).toBe(0);
    source.leave();
    expect(called).toEqual([]);
    expect(cancelled.aborted).toBe(true);
    expect(called).toEqual(['told']);
    source.hasLeft = false;
    expect(cancelled.aborted).toBe(true);
  });

  it('listens to its source while there is a listener that may wait for long', () => {
    const source = new Source();
    const { called, cancelled } = cancellation(source);
    const offs = ['first', 'second'].map((name) => cancelled.onCancelOrGone(() => called.push(name)));
    expect(source.listeners.size).toBe(1);
    offs[0]?.();
    offs[0]?.();
    expect(source.listeners.size).toBe(1);
    source.leave();
    expect([called, source.listeners.size]).toEqual([['second'], 0]);
    offs[1]?.();
    cancelled.onCancelOrGone(() => called.push('again'))();
    expect(source.listeners.size).toBe(0);
  });

  it('goes on when its source is gone with its answer', () => {
    const source = new Source();
    const { cancelled } = cancellation(source);
    const off = cancelled.onCancelOrGone(() => expect.unreachable());
    source.ring();
    expect(cancelled.aborted).toBe(false);
    off();
  });
});
