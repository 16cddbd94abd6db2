import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { describe, expect, it } from 'vitest';
import {
  CoordinationModule,
  InvalidOptionsError,
  LockNameError,
  LockParam,
  Synchronized,
  type SynchronizedOptions,
} from 'nestjs-coordination';
import { LogRecorder } from './fixtures/log-recorder.js';
import { ownSpace } from './fixtures/test-app.js';

/** Applies the decorator as a plain JavaScript program would, with no types in the way. */
const apply = Synchronized as unknown as (
  name: unknown,
  options?: unknown,
) => (target: object, key: string | symbol, descriptor?: PropertyDescriptor) => void;

function decorate(name: unknown, options?: unknown): () => void {
  return () => {
    class Shares {
      async extend(share: { id: string }): Promise<void> {}
    }
    const descriptor = Object.getOwnPropertyDescriptor(Shares.prototype, 'extend');
    apply(name, options)(Shares.prototype, 'extend', descriptor);
  };
}

function messageOf(action: () => void): { error: unknown; message: string } {
  try {
    action();
  } catch (error) {
    return { error, message: error instanceof Error ? error.message : String(error) };
  }
  throw new Error('nothing was thrown');
}

describe('decorating something that cannot be synchronized', () => {
  it.each<[string, () => void, RegExp]>([
    [
      'a static method',
      () => {
        class Shares {
          static async extend(): Promise<void> {}
        }
        apply('x')(Shares, 'extend', Object.getOwnPropertyDescriptor(Shares, 'extend'));
      },
      /@Synchronized on Shares\.extend: it is static/,
    ],
    [
      'an arrow-function property',
      () => {
        class Shares {}
        apply('x')(Shares.prototype, 'extend', undefined);
      },
      /@Synchronized on Shares\.extend: .*arrow-function property.*write it as a method/,
    ],
    [
      'an accessor',
      () => {
        class Shares {
          get size(): number {
            return 1;
          }
        }
        apply('x')(Shares.prototype, 'size', Object.getOwnPropertyDescriptor(Shares.prototype, 'size'));
      },
      /@Synchronized on Shares\.size: .*accessor/,
    ],
    [
      'a method that has it already',
      () => {
        class Shares {
          @Synchronized('a')
          @Synchronized('b')
          async extend(): Promise<void> {}
        }
        void Shares;
      },
      /@Synchronized on Shares\.extend: .*already/,
    ],
  ])('fails when the class is loaded, naming class and method: %s', (_case, action, expected) => {
    const { error, message } = messageOf(action);
    expect(error).toBeInstanceOf(InvalidOptionsError);
    expect(message).toMatch(expected);
    expect(message).not.toContain('\n');
  });
});

describe('wrong arguments of @Synchronized', () => {
  it.each<[string, unknown, unknown, RegExp]>([
    ['an unknown option', 'x', { sharing: true }, /unknown option 'sharing'/],
    ['a wrong choice', 'x', { onLost: 'ignore' }, /onLost must be one of 'throw', 'warn', got 'ignore'/],
    ['a wrong ttl', 'x', { ttl: 0 }, /ttl must be a whole number of ms/],
    ['a wrong blocking', 'x', { blocking: -1 }, /blocking must be true, false or a number/],
    [
      'a coordinator that is no name',
      'x',
      { coordinator: 7 },
      /coordinator must be the name of a coordinator/,
    ],
    ['options that are null', 'x', null, /options must be an object/],
    ['options that are text', 'x', 'fast', /options must be an object/],
    ['no name', undefined, undefined, /has to be a string, not undefined/],
    ['several names, one of them a number', ['a', 5], undefined, /has to be a string, not number/],
    ['no names', [], undefined, /its list of lock names is empty/],
    ['an empty name', '', undefined, /it is empty/],
    ['an unbalanced bracket', 'a-<share.id', undefined, /'<' at character 3 is not closed/],
    ['a format spec', '<share.id:5>', undefined, /Shares\.extend/],
    [
      'an unknown parameter',
      '<snap.id>',
      undefined,
      /no parameter is called 'snap'; known names are share, this, fName/,
    ],
  ])('fail when the class is loaded, naming class and method: %s', (_case, name, options, expected) => {
    const { error, message } = messageOf(decorate(name, options));
    expect(error instanceof InvalidOptionsError || error instanceof LockNameError).toBe(true);
    expect(message).toContain('Shares.extend');
    expect(message).toMatch(expected);
    expect(message).not.toContain('\n');
  });

  it('lists every wrong option at once', () => {
    const { message } = messageOf(decorate('x', { fairly: true, onLost: 1, onNotAcquired: 2, ttl: 'long' }));
    for (const option of ['fairly', 'onLost', 'onNotAcquired', 'ttl']) expect(message).toContain(option);
  });

  it('takes options whose values are undefined for options that are not given', () => {
    const options: SynchronizedOptions = {
      blocking: undefined,
      ttl: undefined,
      coordinator: undefined,
      onLost: undefined,
      onNotAcquired: undefined,
      returns: undefined,
    };
    expect(decorate('x', options)).not.toThrow();
  });

  it('takes an explicit parameter name for a method whose source cannot be read', () => {
    const compiled = function () {} as unknown as { prototype: object };
    const descriptor: PropertyDescriptor = { value: async () => undefined, configurable: true };
    LockParam('share')(compiled.prototype, 'extend', 0);
    expect(() => apply('<share.id>')(compiled.prototype, 'extend', descriptor)).not.toThrow();
  });
});

describe('a class with synchronized methods', () => {
  @Injectable()
  class ShareService {
    @Synchronized('x')
    async extend(): Promise<void> {}
  }

  @Injectable()
  class ReportService {
    @Synchronized('x', { coordinator: 'reports' })
    async make(): Promise<void> {}
  }

  async function bootError(metadata: Parameters<typeof Module>[0]): Promise<string> {
    class AppModule {}
    Module(metadata)(AppModule);
    const options = { logger: new LogRecorder(), abortOnError: false };
    const app = await NestFactory.createApplicationContext(AppModule, options).catch((error: Error) => error);
    return app instanceof Error ? app.message : '';
  }

  it('fails at boot, named, when the module is not imported', async () => {
    const message = await bootError({ providers: [ShareService] });
    expect(message).toContain('ShareService');
    expect(message).toContain('CoordinationModule.forRoot()');
  });

  it('fails at boot, named, when there is no coordinator with that name', async () => {
    const message = await bootError({
      imports: [CoordinationModule.forRoot({ backendUrl: ownSpace() })],
      providers: [ReportService],
    });
    expect(message).toContain('ReportService');
    expect(message).toContain('"reports"');
    expect(message).toContain(`CoordinationModule.forRoot({ name: 'reports' })`);
  });
});
