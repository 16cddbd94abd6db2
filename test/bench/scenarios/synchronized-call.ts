import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { CoordinationModule, Synchronized } from 'nestjs-coordination';
import type { Scenario } from '../scenario.js';

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
  unit: 'µs',
  figure: 'mean',
  operations: 2000,
  rounds: 30,
  comparisons: [{ against: PLAIN, by: 'difference' }],
  prepare: async () => {
    const app = await NestFactory.createApplicationContext(AppModule, { logger: ['warn', 'error', 'fatal'] });
    const shares = app.get(ShareService);
    const share = { id: 'b2e3' };
    const snap = new Map([['name', 'daily']]);
    return {
      contenders: [
        { name: PLAIN, run: () => shares.plain(share) },
        { name: "@Synchronized('shares')", run: () => shares.underOneName(share) },
        { name: "@Synchronized('<share.id>')", run: () => shares.underItsId(share) },
        {
          name: "@Synchronized('<fName>-<share.id>-<snap[name]>')",
          run: () => shares.underAllOf(share, snap),
        },
      ],
      close: () => app.close(),
    };
  },
};
