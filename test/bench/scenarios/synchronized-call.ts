import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { CoordinationModule, Synchronized } from 'nestjs-coordination';
import type { Contender, Scenario } from '../scenario.js';
import { meanOf } from '../timed.js';

interface Share {
  readonly id: string;
}

@Injectable()
class ShareService {
  #calls = 0;

  async plain(share: Share): Promise<number> {
    return this.#count(share);
  }

  @Synchronized('shares')
  async underOneName(share: Share): Promise<number> {
    return this.#count(share);
  }

  @Synchronized('<share.id>')
  async underItsId(share: Share): Promise<number> {
    return this.#count(share);
  }

  @Synchronized('<fName>-<share.id>-<snap[name]>')
  async underAllOf(share: Share, snap: Map<string, string>): Promise<number> {
    return this.#count(share);
  }

  #count(share: Share): number {
    this.#calls += share.id.length;
    return this.#calls;
  }
}

@Module({ imports: [CoordinationModule.forRoot({ backendUrl: 'memory:' })], providers: [ShareService] })
class AppModule {}

const PLAIN = 'the method without a decorator';

/** What the decorator adds to a call that finds its lock free. */
export const synchronizedCall: Scenario = {
  id: 'synchronized',
  title: 'a call of a provider method, memory back end',
  size: 2000,
  sizeUnit: 'calls',
  rounds: 30,
  warmUps: 15,
  short: { size: 100, rounds: 2, warmUps: 1 },
  measures: [{ key: 'call', label: 'mean', unit: 'µs', better: 'lower' }],
  comparisons: [{ measure: 'call', against: PLAIN, by: 'difference' }],
  prepare: async () => {
    const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error', 'fatal'] });
    const shares = app.get(ShareService);
    const share = { id: 'b2e3' };
    const snap = new Map([['name', 'daily']]);
    const contender = (name: string, call: () => Promise<unknown>): Contender => ({
      name,
      measure: async (size) => ({ call: await meanOf(call, size) }),
    });
    return {
      contenders: [
        contender(PLAIN, () => shares.plain(share)),
        contender("@Synchronized('shares')", () => shares.underOneName(share)),
        contender("@Synchronized('<share.id>')", () => shares.underItsId(share)),
        contender("@Synchronized('<fName>-<share.id>-<snap[name]>')", () => shares.underAllOf(share, snap)),
      ],
      close: () => app.close(),
    };
  },
};
