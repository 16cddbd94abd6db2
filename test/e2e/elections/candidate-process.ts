import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { openSync, writeSync } from 'node:fs';
import {
  CoordinationModule,
  CoordinatorService,
  type Leadership,
  OnDemoted,
  OnElected,
} from '../../../lib/index.js';
import { coordinationConfig } from '../../../lib/config/index.js';

/** On CLOCK_MONOTONIC, which all processes of a machine share and nobody steps; ms. */
function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

@Injectable()
class Candidate {
  leadership?: Leadership;
  /** What one has who trusts the listeners and looks at no clock. */
  naive = false;

  constructor(readonly coordinator: CoordinatorService) {}

  @OnElected('quota')
  elected(leadership: Leadership): void {
    this.leadership = leadership;
    this.naive = true;
    process.send?.({ elected: leadership.term, at: now() });
  }

  @OnDemoted('quota')
  demoted({ term }: Leadership): void {
    this.naive = false;
    process.send?.({ demoted: term, at: now() });
  }
}

@Module({
  imports: [CoordinationModule.forRootAsync(coordinationConfig.asProvider())],
  providers: [Candidate],
})
class AppModule {}

/**
 * Makes this process a replica that stands for election, tells each change, and notes in the file BELIEFS at which times it believed
 * that it led. With NAIVE it believes its listeners and looks at no clock.
 */
export async function runCandidate(): Promise<void> {
  const { BELIEFS, NAIVE } = process.env;
  const app = await NestFactory.createApplicationContext(AppModule, { logger: ['warn', 'error'] });
  const candidate = app.get(Candidate);
  const election = candidate.coordinator.getElection('quota');

  if (BELIEFS !== undefined) {
    const file = openSync(BELIEFS, 'a');
    const look = (): void => {
      const before = now();
      const believes = NAIVE === undefined ? election.isLeader : candidate.naive;
      const after = now();
      if (believes && candidate.leadership)
        writeSync(file, `${process.pid} ${candidate.leadership.term} ${before} ${after}\n`);
      setTimeout(look, 1);
    };
    look();
  }

  process.on('message', (message) => {
    if (message === 'stop') void app.close().then(() => process.exit(0));
  });
  process.send?.('ready');
}
