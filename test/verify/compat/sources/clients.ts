import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Redis } from 'ioredis';
import { CoordinationModule, CoordinatorService } from 'nestjs-coordination';

const client = new Redis(process.env['REDIS_URL'] ?? '');

@Module({ imports: [CoordinationModule.forRoot({ redis: { clients: [client] }, ttl: 1000 })] })
class AppModule {}

async function main(): Promise<void> {
  const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
  const coordinator = app.get(CoordinatorService);
  let inside = 0;
  const work = async () => {
    inside += 1;
    if (inside > 1) throw new Error('two at once');
    await client.ping();
    inside -= 1;
  };
  await Promise.all(Array.from({ length: 20 }, () => coordinator.using('share-7', work)));
  await app.close();
  if ((await client.ping()) !== 'PONG') throw new Error('the client of the application was closed');
  await client.quit();
  console.log('works');
}

void main();
