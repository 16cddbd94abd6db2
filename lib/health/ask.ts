import type { HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';
import type { LockManager } from '../lock/index.js';

type Session<K extends string> = ReturnType<typeof HealthIndicatorService.prototype.check<K>>;

/** `message` says what is wrong; undefined when the back end has answered. */
export interface Answer {
  readonly message?: string | undefined;
  /** ms */
  readonly responseTime: number;
}

/**
 * Asks the back end for this member's own record, for at most `timeout` ms. Uses the `attempt` of Terminus where there is one, from its
 * version 12 on.
 */
export async function ask<K extends string>(
  session: Session<K>,
  key: K,
  manager: LockManager,
  timeout: number,
): Promise<Answer> {
  const question = async (): Promise<void> => {
    await manager.askBackend();
  };
  if (typeof session.attempt !== 'function') return await askWithin(timeout, question);
  const result: HealthIndicatorResult<K> = await session.attempt(question).withTimeout(timeout);
  const { status, message, responseTime }: Readonly<Record<string, unknown>> = result[key];
  return {
    ...(status !== 'up' && { message: String(message) }),
    responseTime: Number(responseTime),
  };
}

/** Asks without the `attempt` of Terminus, for Terminus 11. */
export async function askWithin(timeout: number, question: () => Promise<void>): Promise<Answer> {
  const start = performance.now();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(resolve, timeout, `timeout of ${timeout}ms exceeded`);
  });
  const asked = question().then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
  const message = await Promise.race([asked, late]);
  clearTimeout(timer);
  return { message, responseTime: Math.round(performance.now() - start) };
}
