import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { chromiumPath } from './chromium-path.js';
import { hasPgBouncer, postgresBin } from './postgres-programs.js';

/** Debian asks this file before it starts a service; 101 means no. */
const POLICY = '/usr/sbin/policy-rc.d';

function works(command: string): boolean {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
}

/** Whether packages of the system can be installed. */
function mayInstall(): boolean {
  return process.getuid?.() === 0 && works('apt-get');
}

/** Installs packages, without leaving a service of theirs running. */
function install(packages: readonly string[]): void {
  const ours = !existsSync(POLICY);
  if (ours) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    spawnSync('apt-get', ['update'], { stdio: 'ignore', env });
    spawnSync('apt-get', ['install', '-y', '--no-install-recommends', ...packages], { stdio: 'ignore', env });
  } finally {
    if (ours) rmSync(POLICY);
  }
}

/**
 * The tests run against real servers that they start themselves: makes sure that there are some to start. Redis must be there; tests of
 * PostgreSQL, of its pooler and of the dashboard's page are left out where there is none, and one line says so.
 */
export default function setup(): void {
  const { REDIS_SERVER, POSTGRES_BIN, CHROMIUM } = process.env;
  const redis = REDIS_SERVER ?? 'redis-server';
  const missing = [
    ...(works(redis) || REDIS_SERVER !== undefined ? [] : ['redis-server']),
    ...(postgresBin() !== undefined || POSTGRES_BIN !== undefined ? [] : ['postgresql']),
    ...(hasPgBouncer() ? [] : ['pgbouncer']),
    ...(chromiumPath() !== undefined || CHROMIUM !== undefined ? [] : ['chromium']),
  ];
  if (missing.length > 0 && mayInstall()) {
    process.stderr.write(`installing what the tests need with apt-get: ${missing.join(', ')}\n`);
    install(missing);
  }
  if (!works(redis))
    throw new Error(
      `${redis} cannot be run, and the tests need it: install Redis 6 or newer (apt-get install redis-server, brew install redis), or name its path in REDIS_SERVER`,
    );
  if (postgresBin() === undefined)
    process.stderr.write(
      'there is no PostgreSQL server: its tests are left out; install one (apt-get install postgresql, brew install postgresql), or name the directory of its programs in POSTGRES_BIN\n',
    );
  else if (!hasPgBouncer())
    process.stderr.write(
      'there is no PgBouncer: the tests behind a pooler are left out; install it (apt-get install pgbouncer, brew install pgbouncer)\n',
    );
  if (chromiumPath() === undefined)
    process.stderr.write(
      "there is no Chromium: the tests of the dashboard's page are left out; install one (apt-get install chromium, brew install chromium), or name its path in CHROMIUM\n",
    );
}
