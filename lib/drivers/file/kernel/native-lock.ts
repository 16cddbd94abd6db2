import { createRequire } from 'node:module';
import { BackendUnavailableError } from '../../../errors.js';

/** Locks of whole files. The kernel keeps them per open file, and drops a lock when the last descriptor of the open file is closed. */
export interface NativeLock {
  /** Takes the exclusive lock without waiting; false when another open file has it. */
  tryLock(fd: number): boolean;
  unlock(fd: number): void;
  /** Whether another open file has the lock. Processes that ask at the same time do not see each other. */
  isLocked(fd: number): boolean;
}

/** The native part of fs-native-extensions. Offset 0 and length 0 mean the whole file. */
interface Binding {
  tryLock(fd: number, offset: number, length: number, exclusive: boolean): void;
  unlock(fd: number, offset: number, length: number): void;
}

const PACKAGE = 'fs-native-extensions';

/** The back ends to use where there are no such locks, for development too. */
const OTHERS =
  'choose another back end: memory: for one process, as in tests and development, or redis:// for several, ' +
  'as with "docker run -p 6379:6379 redis"; it is set by backendUrl (COORDINATION_BACKEND_URL)';

/** The kind of kernel lock in use. Processes exclude each other only if they use the same kind. */
export const LOCK_MECHANISM = process.platform === 'linux' ? 'ofd' : 'flock';

let loaded: NativeLock | undefined;

/**
 * Loads the kernel's file locks.
 *
 * @throws BackendUnavailableError where there is no native module for this platform.
 */
export async function loadNativeLock(): Promise<NativeLock> {
  loaded ??= wrap(await loadBinding());
  return loaded;
}

/** Without `import.meta`, which Jest on Nest 11 cannot compile to CommonJS. */
async function importBinding(): Promise<Binding> {
  const module = await import('fs-native-extensions/binding.js');
  return (module.default ?? module) as Binding;
}

export async function loadBinding(
  load = importBinding,
  { platform, arch, versions }: Pick<NodeJS.Process, 'platform' | 'arch' | 'versions'> = process,
): Promise<Binding> {
  if (platform === 'win32') {
    throw unavailable('works on Linux and macOS only, and this is Windows', OTHERS);
  }
  if (versions.bun !== undefined) {
    // A lock that another process holds makes the add-on call what Bun does not have, and Bun ends the process.
    throw unavailable(
      `does not work on Bun (${versions.bun}), where ${PACKAGE} ends the process at the first lock that is taken`,
      `run the application with Node, or ${OTHERS}`,
    );
  }
  try {
    return await load();
  } catch (first) {
    // Its loader asks for a musl build on Alpine, which is not shipped; the one for glibc works there.
    try {
      const require = createRequire(referrerOf(first));
      return require(`./prebuilds/${platform}-${arch}/${PACKAGE}.node`) as Binding;
    } catch {
      // Report the first failure: it is that of the regular way, and tells more.
      throw unavailable(
        `has no kernel locks here: ${PACKAGE} cannot be loaded on ${platform}-${arch} (${messageOf(first)})`,
        `${wayOutOf(first)}${OTHERS}`,
        first,
      );
    }
  }
}

function unavailable(what: string, wayOut: string, cause?: unknown): BackendUnavailableError {
  return new BackendUnavailableError(`the file back end ${what}; ${wayOut}`, { cause });
}

/** What would make the package load, where its failure tells. The caller appends the other back ends. */
function wayOutOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') {
    return `install ${PACKAGE} where the application runs (a bundle does not bring it along), or `;
  }
  if (isBundled(error)) {
    return `a bundler has taken ${PACKAGE} in, and left its native part behind: mark ${PACKAGE} as external and install it beside the bundle, or `;
  }
  return '';
}

/** The package's loader looks beside the file that called it. In a bundle that is the bundle itself, or the loader is not left whole. */
function isBundled(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ('referrer' in error) return !String(error.referrer).includes(`/${PACKAGE}/`);
  return /dynamic(ally)? require|__webpack|require\.addon/i.test(error.message);
}

/** The package's own file, as its loader names it when it finds no build. */
function referrerOf(error: unknown): URL {
  if (error instanceof Error && 'referrer' in error) return new URL(String(error.referrer));
  throw error;
}

function wrap(binding: Binding): NativeLock {
  const tryLock = (fd: number, exclusive: boolean): boolean => {
    try {
      binding.tryLock(fd, 0, 0, exclusive);
      return true;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') return false;
      throw error;
    }
  };
  const unlock = (fd: number): void => binding.unlock(fd, 0, 0);
  return {
    tryLock: (fd) => tryLock(fd, true),
    unlock,
    isLocked(fd) {
      if (!tryLock(fd, false)) return true;
      unlock(fd);
      return false;
    },
  };
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? '';
}
