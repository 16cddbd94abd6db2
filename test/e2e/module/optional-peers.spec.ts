import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { describe, expect, it, vi } from 'vitest';
import { CoordinationModule, CoordinatorService } from 'nestjs-coordination';

// As where these are not installed.
vi.mock('@nestjs/config', () => {
  throw new Error('@nestjs/config is loaded');
});
vi.mock('@nestjs/microservices', () => {
  throw new Error('@nestjs/microservices is loaded');
});

@Module({ imports: [CoordinationModule.forRoot({ backendUrl: 'memory:optional-peers' })] })
class AppModule {}

describe('an application without the optional peers', () => {
  it('runs, and holds locks', async () => {
    const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
    await expect(app.get(CoordinatorService).using('x', async () => 'held')).resolves.toBe('held');
    await app.close();
  });

  it('needs @nestjs/config for the subpath that reads the environment', async () => {
    await expect(import('nestjs-coordination/config')).rejects.toMatchObject({
      cause: new Error('@nestjs/config is loaded'),
    });
  });
});
