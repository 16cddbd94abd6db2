import { Controller, Get, Injectable } from '@nestjs/common';
import { lastValueFrom, Observable, of, Subject, take, throwError, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { currentLease, type Lease, Synchronized } from 'nestjs-coordination';
import { eventually } from '../../support/eventually.js';
import { ownSpace, someoneWaits, startApp, startPeer } from './fixtures/test-app.js';

@Injectable()
@Controller()
class Streams {
  readonly values = new Subject<string>();
  readonly heldAtTeardown: boolean[] = [];
  subscriptions = 0;

  /** Seen by its signature. */
  @Get('values')
  @Synchronized('<fName>')
  stream(): Observable<string> {
    this.subscriptions += 1;
    return this.values;
  }

  /** The compiler writes nothing about this signature that could be seen at run time; the option says it. */
  @Synchronized('<fName>', { returns: 'observable' })
  declared(): Observable<string> | Promise<string> {
    return of(String(currentLease()?.name));
  }

  @Get('guarded')
  @Synchronized('<fName>')
  guarded(): Observable<never> {
    return new Observable(() => {
      const lease: Lease | undefined = currentLease();
      return () => void this.heldAtTeardown.push(lease !== undefined && lease.remaining() > 0);
    });
  }

  @Synchronized('<fName>')
  failing(): Observable<never> {
    return throwError(() => new Error('the disk is full'));
  }

  @Synchronized('<fName>')
  lying(): Observable<string> {
    return 'not one' as unknown as Observable<string>;
  }

  @Synchronized('<fName>')
  hidden(): Observable<string> | Promise<string> {
    return of('x');
  }

  @Get('hidden')
  @Synchronized('<fName>')
  hiddenRoute(): Observable<string> | Promise<string> {
    return of(String(currentLease()?.name));
  }
}

async function start() {
  const backendUrl = ownSpace();
  const started = await startApp({ controllers: [Streams], coordination: { backendUrl } });
  const peer = await startPeer({ backendUrl });
  return { ...started, peer, streams: started.app.get(Streams) };
}

describe('a synchronized method that returns an Observable', () => {
  it('takes its lock when it is subscribed to, and holds it to the end', async () => {
    const { streams, peer } = await start();
    const stream = streams.stream();
    expect(streams.subscriptions).toBe(0);
    const values = lastValueFrom(stream.pipe(toArray()));
    await eventually(() => streams.values.observed);
    expect(await peer.getLock('stream').acquire(false)).toBe(false);
    streams.values.next('a');
    streams.values.next('b');
    expect(await peer.getLock('stream').acquire(false)).toBe(false);
    streams.values.complete();
    expect(await values).toEqual(['a', 'b']);
    expect(await peer.getLock('stream').acquire(false)).toBe(true);
  });

  it('gives the lock back before it tells that it failed', async () => {
    const { streams, peer } = await start();
    await expect(lastValueFrom(streams.failing())).rejects.toThrow('the disk is full');
    expect(await peer.getLock('failing').acquire(false)).toBe(true);
  });

  it('gives the lock back when nobody listens any more', async () => {
    const { streams, peer } = await start();
    const first = lastValueFrom(streams.stream().pipe(take(1)));
    await eventually(() => streams.values.observed);
    streams.values.next('a');
    expect(await first).toBe('a');
    expect(await peer.getLock('stream').acquire(5000)).toBe(true);
    expect(streams.values.observed).toBe(false);
  });

  it('still holds the lock while what it runs is torn down', async () => {
    const { streams, peer, coordinator } = await start();
    const acquired = new Promise((resolve) => coordinator.on('lease.acquired', resolve));
    const subscription = streams.guarded().subscribe();
    await acquired;
    await new Promise((resolve) => setImmediate(resolve));
    subscription.unsubscribe();
    expect(await peer.getLock('guarded').acquire(5000)).toBe(true);
    expect(streams.heldAtTeardown).toEqual([true]);
  });

  it('gives up its place when the subscriber leaves before its turn', async () => {
    const { streams, peer, coordinator } = await start();
    const lock = peer.getLock('stream');
    await lock.acquire();
    const waiting = someoneWaits(coordinator);
    const subscription = streams.stream().subscribe();
    await waiting;
    subscription.unsubscribe();
    await lock.release();
    await coordinator.using('stream', { blocking: false }, () => undefined);
    expect(streams.subscriptions).toBe(0);
  });

  it('may be declared by an option where its signature does not show it', async () => {
    const { streams } = await start();
    expect(await lastValueFrom(streams.declared() as Observable<string>)).toBe('declared');
  });

  it('says what is wrong when the signature does not tell the truth', async () => {
    const { streams } = await start();
    await expect(lastValueFrom(streams.lying())).rejects.toThrow(
      'Streams.lying: its signature says Observable, but it returned string',
    );
    await expect(Promise.resolve(streams.hidden())).rejects.toThrow(
      'Streams.hidden: it returned an Observable, which its signature does not show',
    );
  });
});

describe('a synchronized route that returns an Observable', () => {
  it('answers with its last value and holds the lock until then', async () => {
    const { url, streams, peer } = await start();
    const reply = fetch(`${url}/values`);
    await eventually(() => streams.values.observed);
    streams.values.next('a');
    expect(await peer.getLock('stream').acquire(false)).toBe(false);
    streams.values.next('b');
    streams.values.complete();
    expect(await (await reply).text()).toBe('b');
    expect(await peer.getLock('stream').acquire(false)).toBe(true);
  });

  it('needs no visible type, as the call is awaited anyway', async () => {
    const { url } = await start();
    expect(await (await fetch(`${url}/hidden`)).text()).toBe('hiddenRoute');
  });

  it('ends, under its lock, when the client leaves', async () => {
    const { url, streams, peer, coordinator } = await start();
    const leave = new AbortController();
    const acquired = new Promise((resolve) => coordinator.on('lease.acquired', resolve));
    const reply = fetch(`${url}/guarded`, { signal: leave.signal }).catch(() => 'left');
    await acquired;
    leave.abort();
    expect(await reply).toBe('left');
    expect(await peer.getLock('guarded').acquire(20_000)).toBe(true);
    expect(streams.heldAtTeardown).toEqual([true]);
  });
});
