import { appendFile, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { Floors } from './floors.js';
import type { Permit } from './permit.js';
import { rewrite } from './rewrite.js';
import { type StorageConfig, storageConfig } from './storage.config.js';

/**
 * Plain files below one directory, that all replicas see; the paths are relative to it. What is read to be changed, and
 * every change, comes with a {@link Permit}; a look without one may see anything, and nothing may be built on it.
 */
@Injectable()
export class Disk {
  readonly #floors: Floors;

  constructor(@Inject(storageConfig.KEY) private readonly config: StorageConfig) {
    this.#floors = new Floors(this.path('floors'));
  }

  path(path: string): string {
    return join(this.config.directory, path);
  }

  /** A real array takes its time between what was read and what is written. */
  async work(): Promise<void> {
    await after(this.config.latency);
  }

  /**
   * @returns undefined when there is no such file
   * @throws StaleTokenError when a later lease was here
   */
  async read(path: string, permit?: Permit): Promise<string | undefined> {
    return this.#serve(permit, () => readFile(this.path(path), 'utf8').catch(undefinedIfMissing));
  }

  /** @throws the signal's reason when the lease was lost; StaleTokenError when a later one was here */
  async write(path: string, text: string, permit: Permit): Promise<void> {
    await this.#serve(permit, async () => {
      await mkdir(dirname(this.path(path)), { recursive: true });
      await rewrite(this.path(path), text, permit.signal);
    });
  }

  /** @throws the signal's reason when the lease was lost; StaleTokenError when a later one was here */
  async append(path: string, text: string, permit: Permit): Promise<void> {
    await this.#serve(permit, async () => {
      permit.signal.throwIfAborted();
      await appendFile(this.path(path), text);
    });
  }

  /** A file, or a directory with all that is in it. Throws as `write` does. */
  async remove(path: string, permit: Permit): Promise<void> {
    await this.#serve(permit, async () => {
      permit.signal.throwIfAborted();
      await rm(this.path(path), { recursive: true });
    });
  }

  /** @returns the names in a directory, none when it does not exist */
  async list(path: string, permit?: Permit): Promise<string[]> {
    return this.#serve(permit, async () => (await readdir(this.path(path)).catch(undefinedIfMissing)) ?? []);
  }

  #serve<T>(permit: Permit | undefined, request: () => Promise<T>): Promise<T> {
    if (permit?.token === undefined) return request();
    return this.#floors.serve(permit.resource, permit.token, request, permit.shared);
  }
}

function undefinedIfMissing(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
  throw error;
}
