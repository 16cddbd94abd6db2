import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Redis, type RedisOptions } from 'ioredis';
import { createCertificate, type Certificate } from './redis-certificate.js';
import { freePort } from './redis-ports.js';
import { reap } from './redis-reaper.js';
import { REDIS_COMMAND, redisVersion } from './redis-version.js';

export interface RedisServerOptions {
  /** Of the default user. */
  readonly password?: string;
  /** As in `ACL SETUSER`, for example `app on >secret ~* &* +@all`. */
  readonly aclUsers?: readonly string[];
  /** Speak TLS only, with a certificate of its own. */
  readonly tls?: boolean;
  /** More lines for redis.conf. */
  readonly args?: readonly string[];
  /** Leave it as it starts: it then grants nothing until the longest ttl has passed. */
  readonly fresh?: boolean;
  /** Run as Redis Sentinel. */
  readonly sentinel?: boolean;
  /** Added to the environment of the server. */
  readonly env?: Readonly<Record<string, string>>;
}

const running = new Set<RedisServer>();

/** One real redis-server process on a free port of 127.0.0.1. */
export class RedisServer {
  readonly port: number;
  readonly tls: Certificate | undefined;
  readonly #directory: string;
  readonly #options: RedisServerOptions;
  readonly #clients = new Set<Redis>();
  #process: ChildProcess | undefined;

  private constructor(port: number, directory: string, options: RedisServerOptions) {
    this.port = port;
    this.#directory = directory;
    this.#options = options;
    this.tls = options.tls === true ? createCertificate() : undefined;
  }

  static async start(options: RedisServerOptions = {}): Promise<RedisServer> {
    const directory = await mkdtemp(join(tmpdir(), 'coordination-redis-'));
    reap.made(directory);
    for (let attempt = 1; ; attempt += 1) {
      const server = new RedisServer(await freePort(), directory, options);
      try {
        await server.#writeConfig();
        await server.#run();
        if (options.fresh !== true && options.sentinel !== true) await server.settle();
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

  /** For the default user. */
  get url(): string {
    const { password } = this.#options;
    const user = password === undefined ? '' : `:${encodeURIComponent(password)}@`;
    return `${this.tls ? 'rediss' : 'redis'}://${user}127.0.0.1:${this.port}`;
  }

  /** A plain client of the default user, closed with the server. */
  client(options: RedisOptions = {}): Redis {
    const client = new Redis({
      host: '127.0.0.1',
      port: this.port,
      ...(this.#options.password !== undefined && { password: this.#options.password }),
      ...(this.tls && { tls: { ca: this.tls.cert } }),
      ...options,
    });
    // A server that a test kills is no news.
    client.on('error', () => undefined);
    this.#clients.add(client);
    return client;
  }

  /** SIGSTOP: the kernel still accepts connections, nobody answers. */
  pause(): void {
    process.kill(this.pid, 'SIGSTOP');
  }

  resume(): void {
    process.kill(this.pid, 'SIGCONT');
  }

  /** SIGKILL; the port and the configuration stay for `restart`. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** On the same port; without the data, unless `args` have it kept. */
  async restart(): Promise<void> {
    await this.#end('SIGKILL');
    await this.#run();
  }

  /** The same as a server that has been in service for long: nobody who waits for it sees it before that is written. From Redis 7 on. */
  async restartSettled(): Promise<void> {
    await this.#end('SIGKILL');
    const aside = await freePort();
    await this.#run(['--port', String(aside)]);
    const client = this.client({ port: aside });
    await settle(client);
    await client.config('SET', 'port', this.port);
    client.disconnect();
    this.#clients.delete(client);
  }

  /** As {@link settle}, before anybody has connected: who has seen it young waits. */
  async settle(): Promise<void> {
    const client = this.client();
    await settle(client);
    // Not `disconnect`: a test that counts sockets must not find this one half closed.
    const ended = once(client, 'end');
    await client.quit();
    await ended;
    this.#clients.delete(client);
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.disconnect();
    this.#clients.clear();
    await this.#end('SIGKILL');
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #writeConfig(): Promise<void> {
    const { password, aclUsers = [], args = [], sentinel } = this.#options;
    const file = (name: string): string => join(this.#directory, name);
    const lines = ['bind 127.0.0.1', 'daemonize no', `dir ${this.#directory}`];
    if (sentinel !== true) lines.push('save ""', 'appendonly no');
    if (password !== undefined) lines.push(`requirepass ${JSON.stringify(password)}`);
    if (this.tls) {
      await writeFile(file('key.pem'), this.tls.key, { mode: 0o600 });
      await writeFile(file('cert.pem'), this.tls.cert);
      lines.push('port 0', `tls-port ${this.port}`, 'tls-auth-clients no');
      lines.push(`tls-key-file ${file('key.pem')}`, `tls-cert-file ${file('cert.pem')}`);
      lines.push(`tls-ca-cert-file ${file('cert.pem')}`);
    } else {
      lines.push(`port ${this.port}`);
    }
    lines.push(...aclUsers.map((user) => `user ${redisVersion() < 6.2 ? withoutChannels(user) : user}`));
    // Redis 6 lets everybody debug, and knows no such line.
    lines.push(...args.filter((line) => redisVersion() >= 7 || line !== 'enable-debug-command yes'));
    await writeFile(file('redis.conf'), `${lines.join('\n')}\n`);
  }

  async #run(more: readonly string[] = []): Promise<void> {
    const args = [join(this.#directory, 'redis.conf'), ...more];
    if (this.#options.sentinel === true) args.push('--sentinel');
    const env = { ...process.env, ...this.#options.env };
    const child = spawn(REDIS_COMMAND, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#process = child;
    await once(child, 'spawn');
    reap.started(this.pid);
    running.add(this);
    await untilReady(child);
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    running.delete(this);
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
    reap.ended(child.pid ?? 0);
  }
}

/**
 * Makes a server one that has been in service for long: no lease from before can be held any more. Neither does it know
 * of any list of nodes.
 */
export async function settle(client: Redis): Promise<void> {
  const run = /run_id:(\w+)/.exec(await client.info('server'))?.[1];
  await client.set('coordination:node', `${run} - 0 0`, 'PX', 86_400_000).catch((error: unknown) => {
    // A shard of a Cluster, or a replica: these keep no record.
    if (!/MOVED|CLUSTERDOWN|READONLY/.test(String(error))) throw error;
  });
}

/** Redis 6.0 knows no rights for channels: everybody may use all. */
function withoutChannels(user: string): string {
  return user.replaceAll(/ &\S+/g, '');
}

function untilReady(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    const log: string[] = [];
    for (const output of [child.stdout, child.stderr]) {
      if (!output) continue;
      createInterface({ input: output }).on('line', (line) => {
        log.push(line);
        if (log.length > 50) log.shift();
        if (/Ready to accept connections|Sentinel ID is/.test(line)) resolve();
      });
    }
    child.once('exit', (code) =>
      reject(new Error(`redis-server ended with code ${code}:\n${log.join('\n')}`)),
    );
  });
}

export function startRedis(options?: RedisServerOptions): Promise<RedisServer> {
  return RedisServer.start(options);
}

/** Independent servers, as many as there are votes. */
export function startRedisNodes(count: number, options?: RedisServerOptions): Promise<RedisServer[]> {
  return Promise.all(Array.from({ length: count }, () => RedisServer.start(options)));
}

/** Ends every server that this process has started; for `afterAll`. */
export async function stopAllRedis(): Promise<void> {
  await Promise.all([...running].map((server) => server.stop()));
}
