import { Controller, Get, Headers, Injectable, Param } from '@nestjs/common';
import { AsyncLocalStorage } from 'node:async_hooks';
import { NEVER, Observable } from 'rxjs';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { currentLease, LeaseLostError, Synchronized } from 'nestjs-coordination';
import { eventually } from '../../support/eventually.js';
import { BACKENDS, cleanUp } from '../replicas/backends.js';
import { ownSpace, startApp, startPeer } from './fixtures/test-app.js';

/** Who is asking, as an application keeps it for its logs and its error tracker. */
const user = new AsyncLocalStorage<string>();

const booked: string[] = [];
const book = (what: string): void => void booked.push(`${what}: ${user.getStore()}`);

@Injectable()
class Streams {
  @Synchronized('stream-<id>')
  watch(id: string): Observable<never> {
    return new Observable((subscriber) => {
      currentLease()?.signal.addEventListener('abort', () => book(`signal ${id}`));
      book(`begun ${id}`);
      return NEVER.subscribe(subscriber);
    });
  }

  @Synchronized('other-<id>')
  async touch(id: string): Promise<string> {
    return id;
  }
}

@Controller()
class Routes {
  constructor(private readonly streams: Streams) {}

  @Get('watch/:id')
  watch(@Param('id') id: string, @Headers('x-user') name: string): Promise<string> {
    return user.run(
      name,
      () =>
        new Promise((resolve) => {
          this.streams.watch(id).subscribe({
            error: (error: unknown) => {
              book(error instanceof LeaseLostError ? `error ${id}` : String(error));
              resolve('lost');
            },
          });
        }),
    );
  }
}

afterAll(cleanUp);
beforeEach(() => void (booked.length = 0));

const EVERY: Record<string, () => Promise<string>> = { memory: async () => ownSpace(), ...BACKENDS };

describe.each(Object.entries(EVERY))('what a lost lease calls back, on %s', (_name, backend) => {
  it('is booked on the user whose lease it was, whoever armed the timer or broke the lock', async () => {
    const given = await backend();
    const backendUrl = given.startsWith('redis') ? `${given}?commandTimeout=5000` : given;
    const coordination = { backendUrl, ttl: 1500, heartbeat: 100 };
    const { app, url, coordinator, log } = await startApp({
      controllers: [Routes],
      providers: [Streams],
      coordination: backendUrl.startsWith('redis') ? coordination : { backendUrl },
    });
    const warn = log.warn;
    Object.assign(log, {
      warn: (...parts: unknown[]) => {
        if (String(parts[0]).includes('lost its lease')) book('line');
        warn(...parts);
      },
    });
    user.run('operator', () => coordinator.on('lease.lost', () => book('event')));
    const peer = await startPeer({ backendUrl });
    const streams = app.get(Streams);
    // Their calls begin the timers that renew everybody's leases.
    await user.run('bob', () => streams.touch('1'));
    const watched = ['ann', 'bob'].map((name) =>
      fetch(`${url}/watch/${name}`, { headers: { 'x-user': name } }).then((reply) => reply.text()),
    );
    await eventually(() => booked.length >= 2);
    await user.run('carol', () => streams.touch('2'));
    await user.run('carol', () =>
      Promise.all(['ann', 'bob'].map((name) => peer.getLock(`stream-${name}`).break())),
    );
    expect(await Promise.all(watched)).toEqual(['lost', 'lost']);
    await eventually(() => booked.length >= 10);
    expect(booked.toSorted()).toEqual(
      [
        'begun ann: ann',
        'begun bob: bob',
        'error ann: ann',
        'error bob: bob',
        'event: operator',
        'event: operator',
        'line: undefined',
        'line: undefined',
        'signal ann: ann',
        'signal bob: bob',
      ].toSorted(),
    );
  });
});
