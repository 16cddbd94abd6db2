import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { unprivileged } from './postgres-programs.js';
import { freePort } from './redis-ports.js';
import { reap } from './redis-reaper.js';

/** The pooler PgBouncer in front of a server on this machine. */
export class PgBouncer {
  private constructor(
    readonly port: number,
    private readonly directory: string,
    private readonly child: ChildProcess,
  ) {}

  static async start(server: number, mode: 'transaction' | 'session'): Promise<PgBouncer> {
    const directory = mkdtempSync(join(tmpdir(), 'coordination-pgbouncer-'));
    reap.made(directory);
    const port = await freePort();
    const file = join(directory, 'pgbouncer.ini');
    writeFileSync(
      file,
      [
        '[databases]',
        `* = host=127.0.0.1 port=${server} user=postgres`,
        '[pgbouncer]',
        `listen_addr = 127.0.0.1`,
        `listen_port = ${port}`,
        'unix_socket_dir =',
        'auth_type = any',
        `pool_mode = ${mode}`,
        'default_pool_size = 5',
        '',
      ].join('\n'),
    );
    const user = unprivileged();
    if (user) for (const path of [directory, file]) chownSync(path, user.uid, user.gid);
    const child = spawn('pgbouncer', [file], { stdio: ['ignore', 'ignore', 'pipe'], ...user });
    await once(child, 'spawn');
    reap.started(child.pid ?? 0);
    await untilReady(child);
    return new PgBouncer(port, directory, child);
  }

  urlOf(database: string): string {
    return `postgres://postgres@127.0.0.1:${this.port}/${database}`;
  }

  async stop(): Promise<void> {
    const exited = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await exited;
    reap.ended(this.child.pid ?? 0);
    await rm(this.directory, { recursive: true, force: true });
  }
}

function untilReady(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    const log: string[] = [];
    if (child.stderr)
      createInterface({ input: child.stderr }).on('line', (line) => {
        log.push(line);
        if (/process up/.test(line)) resolve();
      });
    child.once('exit', (code) => reject(new Error(`pgbouncer ended with code ${code}:\n${log.join('\n')}`)));
  });
}
