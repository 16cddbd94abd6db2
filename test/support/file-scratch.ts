import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { systemClock } from '../../lib/common/clock.js';
import { FileDriver } from '../../lib/drivers/file/file.driver.js';
import { recordingContext } from './driver-suite.js';
import { FileProcess, type FileProcessOptions } from './file-process.js';

/** Directories, drivers and processes of one test, which are gone after it. */
export function useScratch() {
  let endings: (() => Promise<unknown>)[] = [];

  afterEach(async () => {
    const last = endings.toReversed();
    endings = [];
    for (const end of last) await end();
  });

  const scratch = {
    onEnd: (end: () => Promise<unknown>) => void endings.push(end),
    async directory(): Promise<string> {
      const directory = await mkdtemp(join(tmpdir(), 'file-driver-'));
      scratch.onEnd(() => rm(directory, { recursive: true, force: true }));
      return directory;
    },
    /** A driver that is not started, and what it told. */
    driver(directory: string | undefined, clock = systemClock, ttl?: number) {
      const context = { ...recordingContext(), clock, ...(ttl !== undefined && { ttl }) };
      const driver = new FileDriver(directory, context);
      scratch.onEnd(() => driver.stop());
      return { driver, context };
    },
    async started(directory: string, clock = systemClock, ttl?: number): Promise<FileDriver> {
      const { driver } = scratch.driver(directory, clock, ttl);
      await driver.start();
      return driver;
    },
    async process(directory: string, options?: FileProcessOptions): Promise<FileProcess> {
      const process = await FileProcess.start(directory, options);
      scratch.onEnd(() => process.process.kill());
      return process;
    },
  };
  return scratch;
}
