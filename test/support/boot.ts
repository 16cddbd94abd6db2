import type { INestApplicationContext, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { RecordedLog } from './recorded-log.js';

type Imports = NonNullable<Parameters<typeof makeModule>[0]>;

function makeModule(imports: object[], providers: Type[] = []) {
  class AppModule {}
  return { module: AppModule, imports: imports as never[], providers };
}

/** Starts a Nest application with these imports; what it logs is kept. */
export async function boot(
  imports: Imports,
  providers: Type[] = [],
): Promise<INestApplicationContext & { readonly recorded: RecordedLog }> {
  const recorded = RecordedLog.install();
  const app = await NestFactory.createApplicationContext(makeModule(imports, providers), {
    logger: recorded,
    abortOnError: false,
  });
  return Object.assign(app, { recorded });
}

/** The message with which such an application fails at boot. */
export async function bootError(imports: Imports, providers: Type[] = []): Promise<Error> {
  let app: INestApplicationContext;
  try {
    app = await boot(imports, providers);
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
  await app.close();
  throw new Error('it booted, though it should have failed');
}
