import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, chownSync, mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Client } from 'pg';
import { createCertificate, type Certificate } from './redis-certificate.js';
import { freePort } from './redis-ports.js';
import { reap } from './redis-reaper.js';
import { postgresBin, unprivileged } from './postgres-programs.js';

export interface PostgresServerOptions {
  /** More lines for postgresql.conf. */
  readonly config?: readonly string[];
  /** With a certificate of its own, and for no other connection. */
  readonly tls?: boolean;
  /** Added to the environment of the server. */
  readonly env?: Readonly<Record<string, string>>;
}

const running = new Set<PostgresServer>();
let databases = 0;

/** One real PostgreSQL server on a free port of 127.0.0.1. Its superuser is `postgres`, and needs no password. */
export class PostgresServer {
  readonly port: number;
  readonly directory: string;
  readonly tls: Certificate | undefined;
  readonly #options: PostgresServerOptions;
  readonly #clients = new Set<Client>();
  #process: ChildProcess | undefined;

  protected constructor(port: number, directory: string, options: PostgresServerOptions) {
    this.port = port;
    this.directory = directory;
    this.#options = options;
    this.tls = options.tls === true ? createCertificate() : undefined;
  }

  static async start(options: PostgresServerOptions = {}): Promise<PostgresServer> {
    const directory = newDirectory();
    run('initdb', [
      '-D',
      directory,
      '-U',
      'postgres',
      '-A',
      'trust',
      '-E',
      'UTF8',
      '--locale=C',
      '--no-sync',
    ]);
    return PostgresServer.#startIn(directory, options);
  }

  /**
   * A standby that follows the server; `postgresql.conf` is that of the server, and what is added here.
   * @param from the port over which it follows
   */
  async startStandby(from = this.port, options: PostgresServerOptions = {}): Promise<PostgresServer> {
    const directory = newDirectory();
    run('pg_basebackup', [
      ...[
        '-D',
        directory,
        '-h',
        '127.0.0.1',
        '-p',
        String(this.port),
        '-U',
        'postgres',
        '-R',
        '-X',
        'stream',
      ],
      ...['--checkpoint=fast', '--no-sync'],
    ]);
    const source = `host=127.0.0.1 port=${from} user=postgres application_name=standby`;
    appendFileSync(join(directory, 'postgresql.auto.conf'), `\nprimary_conninfo = '${source}'\n`);
    return PostgresServer.#startIn(directory, options);
  }

  static async #startIn(directory: string, options: PostgresServerOptions): Promise<PostgresServer> {
    for (let attempt = 1; ; attempt += 1) {
      const server = new PostgresServer(await freePort(), directory, options);
      try {
        server.#configure();
        await server.#run();
        return server;
      } catch (error) {
        // Somebody may have taken the port in between.
        if (attempt === 5) throw error;
      }
    }
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  urlOf(database = 'postgres', user = 'postgres'): string {
    return `postgres://${user}@127.0.0.1:${this.port}/${database}`;
  }

  /** The URL of a new database. */
  async newDatabase(): Promise<string> {
    databases += 1;
    const name = `test_${process.pid}_${databases}`;
    await this.query(`CREATE DATABASE ${name}`);
    return this.urlOf(name);
  }

  /** As the superuser. */
  async query(text: string, url = this.urlOf()): Promise<Record<string, unknown>[]> {
    const client = new Client({ connectionString: url, ssl: this.tls ? { ca: this.tls.cert } : false });
    // A server that a test kills is no news.
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query(text)).rows as Record<string, unknown>[];
    } finally {
      await client.end();
    }
  }

  /** A client that ends with the server. */
  async client(url = this.urlOf()): Promise<Client> {
    const client = new Client({ connectionString: url });
    // A server that a test kills is no news.
    client.on('error', () => undefined);
    this.#clients.add(client);
    await client.connect();
    return client;
  }

  /** The processes of the server that run statements for clients, and the server's first one. */
  pids(): number[] {
    const { stdout } = spawnSync('ps', ['-o', 'pid=', '--ppid', String(this.pid)], { encoding: 'utf8' });
    return [
      this.pid,
      ...stdout
        .split('\n')
        .map(Number)
        .filter((pid) => pid > 0),
    ];
  }

  /** SIGSTOP: the kernel still accepts connections, nobody answers. */
  pause(): void {
    for (const pid of this.pids()) process.kill(pid, 'SIGSTOP');
  }

  resume(): void {
    for (const pid of this.pids()) process.kill(pid, 'SIGCONT');
  }

  /** As if the machine had lost its power: no process writes anything more. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    const pids = this.pids();
    // The first one last: it would tell the others to end.
    for (const pid of [...pids.slice(1), this.pid]) end(pid);
    await exited;
    reap.ended(child.pid ?? 0);
  }

  /** Ends every session, and stops as a service does. */
  async shutDown(): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGINT');
    await exited;
    reap.ended(child.pid ?? 0);
  }

  /** On the same port, with the data. */
  async restart(): Promise<void> {
    await this.kill();
    await rm(join(this.directory, 'postmaster.pid'), { force: true });
    await this.#run();
  }

  async stop(): Promise<void> {
    running.delete(this);
    await Promise.all([...this.#clients].map((client) => client.end().catch(() => undefined)));
    await this.kill();
    await rm(this.directory, { recursive: true, force: true });
  }

  #configure(): void {
    const lines = [
      `listen_addresses = '127.0.0.1'`,
      `port = ${this.port}`,
      `unix_socket_directories = '${this.directory}'`,
      // A test ends the server as a crash does; a machine that crashes is not meant.
      'fsync = off',
      'shared_buffers = 16MB',
      'max_connections = 200',
      `log_min_messages = 'warning'`,
      ...(this.#options.config ?? []),
    ];
    if (this.tls) {
      for (const [file, text] of [
        ['server.key', this.tls.key],
        ['server.crt', this.tls.cert],
      ] as const) {
        writeFileSync(join(this.directory, file), text, { mode: 0o600 });
        own(join(this.directory, file));
      }
      lines.push('ssl = on');
      writeFileSync(join(this.directory, 'pg_hba.conf'), 'hostssl all all 127.0.0.1/32 trust\n');
    }
    appendFileSync(join(this.directory, 'postgresql.conf'), `\n${lines.join('\n')}\n`);
  }

  async #run(): Promise<void> {
    const child = spawn(program('postgres'), ['-D', this.directory], {
      env: { ...process.env, ...this.#options.env },
      stdio: ['ignore', 'ignore', 'pipe'],
      ...unprivileged(),
    });
    this.#process = child;
    await once(child, 'spawn');
    reap.started(this.pid);
    running.add(this);
    await untilReady(child);
  }
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // A session may have ended meanwhile.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'coordination-postgres-'));
  reap.made(directory);
  own(directory);
  return directory;
}

function own(path: string): void {
  const user = unprivileged();
  if (user) chownSync(path, user.uid, user.gid);
}

function program(name: string): string {
  const directory = postgresBin();
  if (directory === undefined) throw new Error('there is no PostgreSQL server on this machine');
  return join(directory, name);
}

function run(name: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(program(name), args, {
    encoding: 'utf8',
    cwd: tmpdir(),
    ...unprivileged(),
  });
  if (status !== 0) throw new Error(`${name} ended with ${status}: ${stderr}`);
}

function untilReady(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    const log: string[] = [];
    if (child.stderr)
      createInterface({ input: child.stderr }).on('line', (line) => {
        log.push(line);
        if (log.length > 50) log.shift();
        if (/database system is ready to accept/.test(line)) resolve();
      });
    child.once('exit', (code) => reject(new Error(`postgres ended with code ${code}:\n${log.join('\n')}`)));
  });
}

/** Ends every server that this process has started; for `afterAll`. */
export async function stopAllPostgres(): Promise<void> {
  await Promise.all([...running].map((server) => server.stop()));
}
