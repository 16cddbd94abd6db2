import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { CoordinationModule } from 'nestjs-coordination';
import { coordinationConfig } from 'nestjs-coordination/config';
import { PagesService } from './pages.service.js';

// Jest's and vitest's own types are not those of this project.
declare const test: (name: string, body: () => Promise<void>) => void;
declare const expect: (value: unknown) => { toBe(expected: unknown): void };

@Module({
  imports: [CoordinationModule.forRootAsync(coordinationConfig.asProvider())],
  providers: [PagesService],
})
class AppModule {}

test('a synchronized method runs under its lock', async () => {
  const module = await Test.createTestingModule({ imports: [AppModule] }).compile();
  await module.init();
  expect(await module.get(PagesService).list('7')).toBe('PagesService-1-id of 1');
  await module.close();
});
