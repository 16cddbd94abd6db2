import 'reflect-metadata';
import { Controller, Injectable, Module, Param, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ConfigModule } from '@nestjs/config';
import {
  CoordinationModule,
  CoordinatorService,
  currentLease,
  Lock,
  Synchronized,
} from 'nestjs-coordination';
import { coordinationConfig } from 'nestjs-coordination/config';

@Injectable()
class ShareService {
  inside = 0;

  @Synchronized('<fName>-<share.id>')
  async extend(share: { id: string }): Promise<string> {
    this.inside += 1;
    if (this.inside > 1) throw new Error('two at once');
    await new Promise((resolve) => setImmediate(resolve));
    this.inside -= 1;
    return currentLease()?.name ?? 'no lease';
  }
}

@Controller('shares')
class ShareController {
  constructor(private readonly shares: ShareService) {}

  @Post(':id')
  @Synchronized('share-<id>', { blocking: 5000 })
  async extend(@Param('id') id: string): Promise<string> {
    return `${currentLease()?.name} ${await this.shares.extend({ id })}`;
  }
}

@Module({
  imports: [ConfigModule.forRoot(), CoordinationModule.forRootAsync(coordinationConfig.asProvider())],
  providers: [ShareService],
  controllers: [ShareController],
})
class AppModule {}

/** Keeps what is printed until it is called, and gives it back. */
function capturePrinted(): () => string {
  let printed = '';
  const write = process.stdout.write.bind(process.stdout);
  process.stdout.write = (text: string | Uint8Array) => ((printed += String(text)), true);
  return () => {
    process.stdout.write = write;
    return printed;
  };
}

async function main(): Promise<void> {
  const printed = capturePrinted();
  // With Nest's own logger, which prints debug lines.
  const app = await NestFactory.create(AppModule);
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  const answers = await Promise.all(
    Array.from({ length: 5 }, async () => (await fetch(`${url}/shares/7`, { method: 'POST' })).text()),
  );
  if (answers.some((answer) => answer !== 'share-7 extend-7')) throw new Error(`got ${answers.join(' | ')}`);
  const coordinator = app.get(CoordinatorService);
  const lock = new Lock('by-hand-<id>', { id: 1 }, coordinator);
  if (!(await lock.acquire(1000)) || !(await lock.release())) throw new Error('the lock was not to be had');
  await app.close();
  if (!printed().includes('Lock "share-7" acquired by "ShareController.extend"'))
    throw new Error('no debug line');
  if (coordinator.started) throw new Error('the coordinator runs on');
  console.log('works');
}

void main();
