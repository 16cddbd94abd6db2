import { Injectable, mixin, type Type } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import {
  CoordinationModule,
  currentLease,
  LockNameError,
  LockScope,
  Synchronized,
} from 'nestjs-coordination';
import { boot, bootError } from '../../support/boot.js';
import { ownSpace } from './fixtures/test-app.js';

function coordination() {
  return CoordinationModule.forRoot({ backendUrl: ownSpace() });
}

/** As a minifier would call it. */
function called<T extends Type>(name: string, type: T): T {
  Object.defineProperty(type, 'name', { value: name });
  return type;
}

@LockScope('Nightly')
@Injectable()
class NightlyService {
  @Synchronized('<className>-<fName>')
  async clean(): Promise<string | undefined> {
    return currentLease()?.name;
  }

  @Synchronized('<this.constructor.name>-<id>')
  async one(id: string): Promise<string | undefined> {
    return currentLease()?.name;
  }
}

@LockScope('Weekly')
@Injectable()
class WeeklyService extends NightlyService {}

function unnamed(): Type<{ clean(id: string): Promise<string | undefined> }> {
  @Injectable()
  class Unnamed {
    @Synchronized('<className>-<id>')
    async clean(id: string): Promise<string | undefined> {
      return currentLease()?.name;
    }
  }
  return Unnamed;
}

/** A class whose method is named after the class of the object. */
function ownNamed(): Type<{ one(id: string): Promise<string | undefined> }> {
  @Injectable()
  class OwnNamed {
    @Synchronized(['rest', '<this.constructor.name>-<id>'])
    async one(id: string): Promise<string | undefined> {
      return currentLease()?.name;
    }
  }
  return OwnNamed;
}

/** Has its method from a class that is not provided. */
function heir(): Type {
  @Injectable()
  class Heir extends NightlyService {}
  return Heir;
}

/** Has overridden the method, and takes no lock. */
function overriding(): Type<{ one(id: string): Promise<string | undefined> }> {
  @Injectable()
  class Overriding extends ownNamed() {
    override async one(id: string): Promise<string | undefined> {
      return currentLease()?.name;
    }
  }
  return Overriding;
}

/** Has something else in its place. */
function hiding(): Type {
  @Injectable()
  class Hiding extends NightlyService {}
  Object.defineProperty(Hiding.prototype, 'one', { get: () => undefined });
  return Hiding;
}

describe('the name of a class in lock names', () => {
  it('is the one that @LockScope gives: of the declaring class, or of that of the object', async () => {
    const app = await boot([coordination()], [NightlyService, WeeklyService]);
    expect(await app.get(NightlyService).clean()).toBe('Nightly-clean');
    expect(await app.get(WeeklyService).clean()).toBe('Nightly-clean');
    expect(await app.get(NightlyService).one('7')).toBe('Nightly-7');
    expect(await app.get(WeeklyService).one('7')).toBe('Weekly-7');
    expect(app.recorded.of('warn')).toEqual([]);
    await app.close();
  });

  it('fails the boot where a build has renamed the class', async () => {
    for (const name of ['r', 'aB', 'nightly_service_NightlyService']) {
      const error = await bootError([coordination()], [called(name, unnamed())]);
      expect(error).toBeInstanceOf(LockNameError);
      expect(error.message).toMatch(
        /^Lock name '<className>' of \S+\.clean: the class is called '\w+'.*@LockScope/,
      );
    }
  });

  it('fails the boot where a build has renamed the class of an object', async () => {
    for (const type of [ownNamed(), heir()]) {
      const error = await bootError([coordination()], [called('r', type)]);
      expect(error).toBeInstanceOf(LockNameError);
      expect(error.message).toMatch(
        /^Lock name '<this\.constructor\.name>' of \S+\.one: the class is called 'r'.*@LockScope/,
      );
    }
    const inFactory = { provide: 'r', useFactory: () => new (called('r', ownNamed()))() };
    expect(await bootError([coordination()], [inFactory as never])).toBeInstanceOf(LockNameError);
  });

  it('fails the boot where mixin() has given the class a name at random', async () => {
    const types: Type[] = [unnamed(), ownNamed()];
    for (const type of types) {
      const error = await bootError([coordination()], [mixin(type)]);
      expect(error).toBeInstanceOf(LockNameError);
      expect(error.message).toMatch(/the class is called '[\da-f]{21}', .*mixin\(\).*@LockScope/);
    }
    @LockScope('Mixed')
    class Named extends NightlyService {}
    const app = await boot([coordination()], [mixin(Named)]);
    expect(await app.get(Named).one('7')).toBe('Mixed-7');
    await app.close();
  });

  it('says where the name of a class has to stand that a decorator has replaced', async () => {
    const replaced = called('r', unnamed());
    @LockScope('Given')
    class Replacement extends replaced {}
    const error = await bootError([coordination()], [Replacement]);
    expect(error.message).toMatch(/name the class with @LockScope\('…'\) directly above it, or write/);
  });

  it('fails the call where nobody has looked at the class before', async () => {
    const app = await boot([coordination()]);
    const host = new (called('r', unnamed()))();
    await expect(host.clean('7')).rejects.toThrow(
      /the class is called 'r', which looks like the work of a minifier/,
    );
    await app.close();
  });

  it('is warned of when several classes have it', async () => {
    const app = await boot(
      [coordination()],
      [called('JobService', unnamed()), called('JobService', unnamed())],
    );
    expect(app.recorded.of('warn')).toEqual([
      "2 classes are called 'JobService' in lock names (Unnamed.clean, Unnamed.clean), so their methods of one name exclude each other; give them names of their own with @LockScope('…') directly above each",
    ]);
    await app.close();
  });

  it('is warned of when several objects have it, of whichever classes their methods are', async () => {
    const twins = [ownNamed(), heir(), unnamed()].map((type) => called('JobService', type));
    const app = await boot([coordination()], [...twins, ...twins, called('Other', heir())]);
    expect(app.recorded.of('warn')).toEqual([
      "3 classes are called 'JobService' in lock names (OwnNamed.one, NightlyService.one, Unnamed.clean), so their methods of one name exclude each other; give them names of their own with @LockScope('…') directly above each",
    ]);
    await app.close();
  });

  it('does not matter where a class has overridden the method', async () => {
    const minified = called('r', overriding());
    const types = [overriding(), overriding(), hiding(), hiding(), called('r', hiding())];
    const app = await boot([coordination()], [minified, ...types]);
    expect(await app.get(minified).one('7')).toBeUndefined();
    expect(app.recorded.of('warn')).toEqual([]);
    await app.close();
  });
});
