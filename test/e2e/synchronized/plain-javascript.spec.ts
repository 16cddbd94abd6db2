import { Injectable } from '@nestjs/common';
import { firstValueFrom, Observable, of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { currentLease, Synchronized } from 'nestjs-coordination';
import { startApp } from './fixtures/test-app.js';

/** What a class looks like without `emitDecoratorMetadata`: nobody knows what its methods return. */
class Shares {
  async extend(id: string): Promise<string | undefined> {
    return `${currentLease()?.name} ${id}`;
  }

  list(): Observable<string | undefined> {
    return of(currentLease()?.name);
  }

  hidden(): Observable<string | undefined> {
    return of(currentLease()?.name);
  }

  async *pages(): AsyncGenerator<string | undefined> {
    yield currentLease()?.name;
  }

  pagesOf(): AsyncIterable<string | undefined> {
    return this.pages();
  }
}

type Decorator = (target: object, key: string, descriptor: PropertyDescriptor) => void;

function decorate(key: keyof Shares, decorator: unknown): void {
  const descriptor = Object.getOwnPropertyDescriptor(Shares.prototype, key);
  if (!descriptor) throw new Error(key);
  (decorator as Decorator)(Shares.prototype, key, descriptor);
  Object.defineProperty(Shares.prototype, key, descriptor);
}

decorate('extend', Synchronized('<fName>-<id>'));
decorate('list', Synchronized('<fName>', { returns: 'observable' }));
decorate('hidden', Synchronized('<fName>'));
decorate('pages', Synchronized('<fName>'));
decorate('pagesOf', Synchronized('<fName>'));
Injectable()(Shares);

describe('a class that carries no type metadata', () => {
  it('takes promises, declared Observables and async generators as they are', async () => {
    const { app } = await startApp({ providers: [Shares] });
    const shares = app.get(Shares);
    expect(await shares.extend('7')).toBe('extend-7 7');
    expect(await firstValueFrom(shares.list())).toBe('list');
    expect(await shares.pages().next()).toEqual({ value: 'pages', done: false });
  });

  it('says what to write when a method returns an Observable that nobody can see', async () => {
    const { app } = await startApp({ providers: [Shares] });
    await expect(app.get(Shares).hidden()).rejects.toThrow(
      /^Shares\.hidden: it returned an Observable, .*declare ": Observable<…>" or pass \{ returns: 'observable' \}$/,
    );
  });

  it('says what to write when a method returns an async iterable that nobody can see', async () => {
    const { app } = await startApp({ providers: [Shares] });
    await expect(app.get(Shares).pagesOf()).rejects.toThrow(
      /^Shares\.pagesOf: it returned an async iterable .*pass \{ returns: 'async-iterable' \}$/,
    );
  });
});
