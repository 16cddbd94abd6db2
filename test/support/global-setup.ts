import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';

/** Debian asks this file before it starts a service; 101 means no. */
const POLICY = '/usr/sbin/policy-rc.d';

function works(command: string): boolean {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
}

/** Installs redis-server, without leaving the system's own instance running. */
function installRedis(): void {
  const ours = !existsSync(POLICY);
  if (ours) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    spawnSync('apt-get', ['update'], { stdio: 'ignore', env });
    spawnSync('apt-get', ['install', '-y', '--no-install-recommends', 'redis-server'], {
      stdio: 'ignore',
      env,
    });
  } finally {
    if (ours) rmSync(POLICY);
  }
}

/** The tests run against real Redis servers that they start themselves: makes sure that there is one to start. */
export default function setup(): void {
  const command = process.env['REDIS_SERVER'] ?? 'redis-server';
  if (works(command)) return;
  if (process.env['REDIS_SERVER'] === undefined && process.getuid?.() === 0 && works('apt-get')) {
    process.stderr.write('redis-server is missing: installing it with apt-get\n');
    installRedis();
    if (works(command)) return;
  }
  throw new Error(
    `${command} cannot be run, and the tests need it: install Redis 6 or newer (apt-get install redis-server, brew install redis), or name its path in REDIS_SERVER`,
  );
}
