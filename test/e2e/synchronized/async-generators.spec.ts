import { Injectable } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { currentLease, Synchronized } from 'nestjs-coordination';
import { ownSpace, someoneWaits, startApp, startPeer } from './fixtures/test-app.js';

@Injectable()
class Pages {
  readonly journal: string[] = [];

  @Synchronized('pages')
  async *pages(): AsyncGenerator<string, string, string | undefined> {
    this.journal.push('begin');
    try {
      const answer = yield `1 ${currentLease()?.name}`;
      yield `2 ${answer}`;
      return 'done';
    } finally {
      this.journal.push(`end ${currentLease()?.name}`);
    }
  }

  @Synchronized('pages')
  async *failing(): AsyncGenerator<string> {
    yield '1';
    throw new Error('the disk is full');
  }

  @Synchronized('pages', { returns: 'async-iterable' })
  wrapped(): AsyncIterable<string> {
    return { [Symbol.asyncIterator]: () => [1, 2].map(String).values() as unknown as AsyncIterator<string> };
  }
}

async function start() {
  const backendUrl = ownSpace();
  const { app, coordinator } = await startApp({ providers: [Pages], coordination: { backendUrl } });
  const peer = await startPeer({ backendUrl });
  const isFree = () => peer.using('pages', { blocking: false }, () => true).catch(() => false);
  return { pages: app.get(Pages), coordinator, lock: peer.getLock('pages'), isFree };
}

describe('a synchronized async generator', () => {
  it('takes its lock with the first value and holds it to the end', async () => {
    const { pages, isFree } = await start();
    const iterator = pages.pages();
    expect(await isFree()).toBe(true);
    expect(await iterator.next()).toEqual({ value: '1 pages', done: false });
    expect(await isFree()).toBe(false);
    expect(await iterator.next('sent')).toEqual({ value: '2 sent', done: false });
    expect(await isFree()).toBe(false);
    expect(await iterator.next()).toEqual({ value: 'done', done: true });
    expect(await isFree()).toBe(true);
    expect(pages.journal).toEqual(['begin', 'end pages']);
  });

  it('gives the lock back when its reader stops half-way, after its own cleaning up', async () => {
    const { pages, isFree } = await start();
    for await (const page of pages.pages()) {
      expect(page).toBe('1 pages');
      expect(await isFree()).toBe(false);
      break;
    }
    expect(await isFree()).toBe(true);
    expect(pages.journal).toEqual(['begin', 'end pages']);
  });

  it('gives the lock back when it throws, and when its reader throws into it', async () => {
    const { pages, isFree } = await start();
    const failing = pages.failing();
    await failing.next();
    await expect(failing.next()).rejects.toThrow('the disk is full');
    expect(await isFree()).toBe(true);
    const thrownInto = pages.pages();
    await thrownInto.next();
    await expect(thrownInto.throw(new Error('enough'))).rejects.toThrow('enough');
    expect(await isFree()).toBe(true);
    expect(pages.journal).toEqual(['begin', 'end pages']);
  });

  it('never begins when it is returned from before the first value', async () => {
    const { pages, isFree } = await start();
    const iterator = pages.pages();
    expect(await iterator.return('early')).toEqual({ value: 'early', done: true });
    expect(await iterator.next()).toEqual({ value: undefined, done: true });
    expect(await isFree()).toBe(true);
    expect(pages.journal).toEqual([]);
  });

  it('gives up its place when it is returned from while it waits', async () => {
    const { pages, coordinator, lock } = await start();
    await lock.acquire();
    const waiting = someoneWaits(coordinator);
    const iterator = pages.pages();
    const first = iterator.next();
    await waiting;
    const returned = iterator.return('early');
    expect(await first).toEqual({ value: undefined, done: true });
    expect(await returned).toEqual({ value: 'early', done: true });
    await lock.release();
    await coordinator.using('pages', { blocking: false }, () => undefined);
    expect(pages.journal).toEqual([]);
  });

  it('may be another async iterable, where an option says so', async () => {
    const { pages, isFree } = await start();
    const seen: string[] = [];
    for await (const page of pages.wrapped()) {
      expect(await isFree()).toBe(false);
      seen.push(page);
    }
    expect(seen).toEqual(['1', '2']);
    expect(await isFree()).toBe(true);
  });
});
