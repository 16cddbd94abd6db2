import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { expect, it } from 'vitest';
import { BackendUnavailableError, CoordinationModule } from 'nestjs-coordination';
import { RecordedLog } from '../../support/recorded-log.js';
import { freePort } from '../../support/redis-ports.js';

it('a boot that fails as Redis is away is in the log of Nest, in one error line that says why', async () => {
  const logger = RecordedLog.install();
  const backendUrl = `redis://127.0.0.1:${await freePort()}`;
  @Module({ imports: [CoordinationModule.forRoot({ backendUrl, agentId: 'one' })] })
  class AppModule {}
  await expect(
    NestFactory.createApplicationContext(AppModule, { logger, abortOnError: false }),
  ).rejects.toThrow(BackendUnavailableError);
  expect(logger.of('error')).toEqual([
    expect.stringMatching(
      /^The application cannot start, because its coordinator cannot [^\n]*"one"[^\n]*127\.0\.0\.1[^\n]*: connection refused: [^\n]*$/,
    ),
  ]);
});
