import { execFile, spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const ROOT = resolve(fileURLToPath(import.meta.url), '../../../..');
const LONGEST_COMMAND_MS = 300_000;
const LINES_OF_A_FAILURE = 40;
const PNPM = 'pnpm@10';
const YARN = 'yarn@1';
const NPM_FLAGS = ['--no-audit', '--no-fund', '--loglevel=error', '--prefer-offline'];

const exec = promisify(execFile);

/** Runs a command to its end, and returns what it printed. */
export async function run(command, args, { cwd, env = {} }) {
  const options = {
    cwd,
    env: { ...process.env, ...env },
    timeout: LONGEST_COMMAND_MS,
    maxBuffer: 64 * 1024 * 1024,
  };
  try {
    const { stdout, stderr } = await exec(command, args, options);
    return stdout + stderr;
  } catch (error) {
    const printed = `${error.stdout ?? ''}${error.stderr ?? ''}`.trimEnd().split('\n');
    throw new Error(
      [
        `${command} ${args.join(' ')} ended with ${error.code ?? error.signal}`,
        ...printed.slice(-LINES_OF_A_FAILURE),
      ].join('\n'),
      { cause: error },
    );
  }
}

/** An application in a directory of its own, outside of this repository, that gets the package as npm would give it. */
export class Project {
  constructor(folder, tarball) {
    this.folder = folder;
    this.tarball = tarball;
    this.locks = join(folder, 'locks');
    mkdirSync(folder, { recursive: true });
  }

  /** Text is written as it is, anything else as JSON. */
  write(files) {
    for (const [name, content] of Object.entries(files)) {
      const file = join(this.folder, name);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content, undefined, 2));
    }
  }

  /** Files of `test/verify/compat/sources`: the name there, and the name here. */
  copy(files) {
    for (const [from, to] of Object.entries(files)) {
      mkdirSync(dirname(join(this.folder, to)), { recursive: true });
      copyFileSync(join(ROOT, 'test/verify/compat/sources', from), join(this.folder, to));
    }
  }

  /** The application's packages and ours. `ours: false`: without it, for an application that adds it later. */
  async install(packages, { manager = 'npm', manifest = {}, ours = true } = {}) {
    const dependencies = { ...packages, ...(ours && { 'nestjs-coordination': `file:${this.tarball}` }) };
    this.write({ 'package.json': { private: true, ...manifest, dependencies } });
    if (manager === 'pnpm') await this.run('npx', ['-y', PNPM, 'install', '--prefer-offline']);
    // Its cache takes a tarball of the same name for the same one.
    else if (manager === 'yarn')
      await this.run('npx', ['-y', YARN, 'install', '--cache-folder', join(this.folder, 'yarn-cache')]);
    else await this.run('npm', ['install', ...NPM_FLAGS]);
  }

  /** README's line. */
  async add() {
    await this.run('npm', ['install', ...NPM_FLAGS, this.tarball]);
  }

  run(command, args, env = {}) {
    // Each application has locks of its own, wherever its environment decides.
    const own = {
      COORDINATION_BACKEND_URL: `file://${this.locks}`,
      XDG_STATE_HOME: this.locks,
      NODE_ENV: 'test',
    };
    return run(command, args, { cwd: this.folder, env: { ...own, ...env } });
  }

  /** A command of an installed package. */
  bin(name, args, env) {
    return this.run(join(this.folder, 'node_modules/.bin', name), args, env);
  }

  /** Runs a program under this Node, or under another version of it, and wants a line that is `works`; Node may warn beside it. */
  async works(file, { node, env } = {}) {
    const output = node
      ? await this.run('npx', ['-y', '-p', `node@${node}`, '-c', `node ${file}`], env)
      : await this.run(process.execPath, [file], env);
    if (!output.split('\n').includes('works'))
      throw new Error(`${file} did not say that it works:\n${output}`);
  }

  version(name) {
    return JSON.parse(readFileSync(join(this.folder, 'node_modules', name, 'package.json'), 'utf8')).version;
  }
}

/** A Redis server on a free port for as long as `body` runs. */
export async function withRedis(folder, body) {
  const port = await freePort();
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', folder];
  const server = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await new Promise((ready, failed) => {
      server.once('error', failed);
      server.once('exit', () => failed(new Error('redis-server ended')));
      server.stdout.on('data', (text) => String(text).includes('Ready to accept') && ready());
    });
    return await body(`redis://127.0.0.1:${port}`);
  } finally {
    server.kill();
  }
}

async function freePort() {
  const server = createServer();
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address();
  await new Promise((closed) => server.close(closed));
  return port;
}
