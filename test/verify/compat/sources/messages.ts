import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ClientProxyFactory, MessagePattern, Payload, Transport } from '@nestjs/microservices';
import { CoordinationModule, CoordinatorService, Synchronized } from 'nestjs-coordination';
import { firstValueFrom } from 'rxjs';

@Controller()
class ShareController {
  @MessagePattern('extend')
  @Synchronized('share-<id>', { blocking: false })
  async extend(@Payload() id: string): Promise<string> {
    return `share ${id} is larger now`;
  }
}

@Module({ imports: [CoordinationModule.forRoot({ backendUrl: 'memory:' })], controllers: [ShareController] })
class AppModule {}

async function main(): Promise<void> {
  const service = {
    transport: Transport.TCP,
    options: { host: '127.0.0.1', port: Number(process.env['PORT']) },
  } as const;
  const app = await NestFactory.create(AppModule, { logger: false });
  app.connectMicroservice(service);
  await app.startAllMicroservices();
  await app.init();
  const client = ClientProxyFactory.create(service);
  const ask = () => firstValueFrom(client.send<string>('extend', '7'));
  const answer = await ask();
  if (answer !== 'share 7 is larger now') throw new Error(`the answer was ${answer}`);
  const refused = await app
    .get(CoordinatorService)
    .using('share-7', () => ask().catch((error: unknown) => JSON.stringify(error)));
  // What the client reads comes from @nestjs/microservices of the application.
  if (!refused.includes('423')) throw new Error(`the refusal was ${refused}`);
  await client.close();
  await app.close();
  console.log('works');
}

void main();
