import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { CoordinationModule, currentLease, Synchronized } from 'nestjs-coordination';
import { coordinationConfig } from 'nestjs-coordination/config';

// Jest's own types are not those of this project.
declare const test: (name: string, body: () => Promise<void>) => void;
declare const expect: (value: unknown) => { toBe(expected: unknown): void };

@Injectable()
class ShareService {
  @Synchronized('<fName>-<shareId>')
  async extend(shareId: string): Promise<string | undefined> {
    return currentLease()?.name.replace(shareId, 'id');
  }
}

@Module({
  imports: [CoordinationModule.forRootAsync(coordinationConfig.asProvider())],
  providers: [ShareService],
})
class AppModule {}

test('a synchronized method runs under its lock', async () => {
  const module = await Test.createTestingModule({ imports: [AppModule] }).compile();
  await module.init();
  expect(await module.get(ShareService).extend('7')).toBe('extend-id');
  await module.close();
});
