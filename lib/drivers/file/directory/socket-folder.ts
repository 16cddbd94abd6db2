import { randomBytes } from 'node:crypto';
import { closeSync, constants, existsSync, mkdtempSync, openSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { unusableDirectory } from '../kernel/index.js';

/** sockaddr_un holds 108 bytes on Linux and 104 on macOS, with a 0 at the end. Node cuts a longer path silently. */
const LONGEST_SOCKET_PATH = 103;
const PRIVATE_PREFIX = 'coordination-socket-';
/** A short path to an open directory, where the system has one. */
const OPEN_FILES = '/proc/self/fd';

/**
 * The folder of the drivers' sockets. A driver writes down its socket by its name in this folder: another container may mount the
 * same volume at another path.
 */
export class SocketFolder {
  /** Descriptor of the folder, where its path is too long for a socket. */
  #fd?: number;

  constructor(private readonly directory: string) {}

  /** The name to write down for the socket of an instance. */
  nameFor(instance: number): string {
    // Another driver may have had that number in this folder, and its socket is unlinked when it stops.
    const name = `${instance}-${randomBytes(3).toString('hex')}.sock`;
    return fits(join(this.directory, name)) || existsSync(OPEN_FILES) ? name : privateSocket(this.directory);
  }

  /** The address to listen at, or to connect to. */
  addressOf(socket: string): string {
    const near = this.pathOf(socket);
    return fits(near) ? near : `${OPEN_FILES}/${this.#open()}/${socket}`;
  }

  /** The path of the socket's file, however long. */
  pathOf(socket: string): string {
    return isAbsolute(socket) ? socket : join(this.directory, socket);
  }

  close(): void {
    const fd = this.#fd;
    this.#fd = undefined;
    if (fd !== undefined) closeSync(fd);
  }

  #open(): number {
    this.#fd ??= openSync(this.directory, constants.O_RDONLY | constants.O_DIRECTORY);
    return this.#fd;
  }
}

/** Removes the directory of a socket that was made outside the folder. */
export function removePrivateFolder(socketPath: string): void {
  const parent = dirname(socketPath);
  if (!basename(parent).startsWith(PRIVATE_PREFIX)) return;
  try {
    rmdirSync(parent);
  } catch {
    // It is gone already, or not empty and so not only ours. An empty directory left behind does no harm.
  }
}

function fits(path: string): boolean {
  return Buffer.byteLength(path) <= LONGEST_SOCKET_PATH;
}

function privateSocket(directory: string): string {
  // mkdtemp makes it with mode 0700.
  const path = join(mkdtempSync(join(tmpdir(), PRIVATE_PREFIX)), 's');
  if (fits(path)) return path;
  rmdirSync(dirname(path));
  throw unusableDirectory(dirname(directory), {
    reason: `its path is too long for a socket (${LONGEST_SOCKET_PATH} bytes at most), and so is that of ${tmpdir()} (TMPDIR)`,
    advice: 'set TMPDIR to a shorter one',
  });
}
