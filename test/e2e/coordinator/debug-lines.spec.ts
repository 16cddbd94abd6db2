import { ConsoleLogger, Logger, type LoggerService } from '@nestjs/common';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { CoordinatorService } from 'nestjs-coordination';

const LEVELS = ['log', 'error', 'warn', 'debug', 'verbose', 'fatal'] as const;
const ACQUIRED = 'Lock "share-7" acquired by "extend"';

/** How often a debug line was made out of the function's name. */
let made = 0;

/** Takes a lock, and ends. */
async function takeLock(): Promise<void> {
  const coordinator = new CoordinatorService({ backendUrl: 'memory:debug-lines' });
  await coordinator.start();
  const body = (): void => undefined;
  const name = { toString: () => ((made += 1), 'extend') };
  Object.defineProperty(body, 'name', { value: name });
  await coordinator.using('share-7', body);
  await coordinator.stop();
}

/** A logger that knows no levels, as those of other libraries. */
function plainLogger(lines: unknown[]): LoggerService {
  const keep = (message: unknown): void => void lines.push(message);
  return { log: keep, error: keep, warn: keep, debug: keep };
}

afterEach(() => {
  made = 0;
  Logger.overrideLogger(new Logger());
  Logger.overrideLogger([...LEVELS]);
  vi.restoreAllMocks();
});

describe('the debug lines of a coordinator', () => {
  it('are printed by the default logger, as every other debug line', async () => {
    const print = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    await takeLock();
    expect(print.mock.calls.map(([text]) => String(text)).join('')).toContain(ACQUIRED);
  });

  it('go to a logger of the application that knows no levels, also after levels were given for another', async () => {
    const lines: unknown[] = [];
    Logger.overrideLogger(['error']);
    Logger.overrideLogger(plainLogger(lines));
    await takeLock();
    expect(lines).toContain(ACQUIRED);
  });

  it('go to a console logger of its own levels', async () => {
    const print = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    Logger.overrideLogger(new ConsoleLogger({ logLevels: ['debug'] }));
    await takeLock();
    expect(print.mock.calls.map(([text]) => String(text)).join('')).toContain(ACQUIRED);
  });

  it('begin and end soon after a logger is given other levels', async () => {
    const print = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    const logger = new ConsoleLogger({ logLevels: ['error'] });
    Logger.overrideLogger(logger);
    const coordinator = new CoordinatorService({ backendUrl: 'memory:debug-levels' });
    await coordinator.start();
    const printed = async (): Promise<boolean> => {
      print.mockClear();
      await coordinator.using('share-7', function extend() {});
      return print.mock.calls.some(([text]) => String(text).includes(ACQUIRED));
    };
    expect(await printed()).toBe(false);
    logger.setLogLevels(['error', 'debug']);
    await expect.poll(printed).toBe(true);
    logger.setLogLevels(['error']);
    await expect.poll(printed).toBe(false);
    await coordinator.stop();
  });

  it('are not even made for a logger that would not write them', async () => {
    const withoutDebug = { ...plainLogger([]), debug: undefined };
    const silent = [new ConsoleLogger({ logLevels: ['error'] }), withoutDebug, false] as const;
    for (const logger of silent) {
      Logger.overrideLogger(logger);
      await takeLock();
    }
    expect(made).toBe(0);
  });
});
