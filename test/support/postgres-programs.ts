import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Where Debian has the programs of each version; they are in nobody's PATH. */
const DEBIAN = '/usr/lib/postgresql';

/** The directory of PostgreSQL's own programs; undefined where there is none. `POSTGRES_BIN` names it. */
export function postgresBin(): string | undefined {
  const { POSTGRES_BIN: given } = process.env;
  if (given !== undefined) return given;
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN) : [];
  const candidates = versions
    .toSorted((one, other) => Number(other) - Number(one))
    .map((version) => join(DEBIAN, version, 'bin'));
  const config = spawnSync('pg_config', ['--bindir'], { encoding: 'utf8' });
  if (config.status === 0) candidates.push(config.stdout.trim());
  return candidates.find((directory) =>
    ['initdb', 'postgres'].every((program) => existsSync(join(directory, program))),
  );
}

/** Whether there is the pooler PgBouncer. */
export function hasPgBouncer(): boolean {
  return spawnSync('pgbouncer', ['--version'], { stdio: 'ignore' }).status === 0;
}

/** PostgreSQL refuses to run as root: as whom it runs then. */
export function unprivileged(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const found = ['postgres', 'nobody'].flatMap((user) => {
    const [uid, gid] = ['-u', '-g'].map((flag) => spawnSync('id', [flag, user], { encoding: 'utf8' }));
    return uid?.status === 0 && gid?.status === 0
      ? [{ uid: Number(uid.stdout), gid: Number(gid.stdout) }]
      : [];
  });
  return found[0];
}
