import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { CoordinationModule, currentLease, LockParam, LockScope, Synchronized } from 'nestjs-coordination';

@LockScope('NightlyService')
@Injectable()
class NightlyService {
  // A decorated class that names itself is renamed by some bundlers, and each is by one that minifies.
  static readonly instances = new Set<NightlyService>();

  constructor() {
    NightlyService.instances.add(this);
  }

  @Synchronized('<className>-<day>')
  async clean(@LockParam('day') day: string): Promise<string | undefined> {
    return currentLease()?.name.replace(day, 'day');
  }
}

/** What a boot with this back end fails with, or the name of a lock there. */
async function boot(backendUrl: string): Promise<string | undefined> {
  @Module({ imports: [CoordinationModule.forRoot({ backendUrl })], providers: [NightlyService] })
  class AppModule {}
  const app = await NestFactory.createApplicationContext(AppModule, { logger: false, abortOnError: false });
  const name = await app.get(NightlyService).clean('monday');
  await app.close();
  return name;
}

async function main(): Promise<void> {
  const inMemory = await boot('memory:');
  if (inMemory !== 'NightlyService-day') throw new Error(`on memory: the lock was ${inMemory}`);
  const onFiles = await boot('file:').catch((error: Error) => error.message);
  const expected = process.env['EXPECTED_ON_FILES'] ?? 'NightlyService-day';
  if (!onFiles?.includes(expected)) throw new Error(`on file: it said ${onFiles}, not ${expected}`);
  console.log('works');
}

void main();
