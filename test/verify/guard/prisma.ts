import { execFile } from 'node:child_process';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const PACKAGES = ['prisma@7', '@prisma/client@7', '@prisma/adapter-pg@7'];
const SCHEMA = `generator client {
  provider = "prisma-client-js"
}
datasource db {
  provider = "postgresql"
}
model Counter {
  id    Int @id
  value Int
  @@map("counter")
}
`;
const CONFIG = `import { defineConfig } from 'prisma/config';
export default defineConfig({ schema: 'schema.prisma', datasource: { url: 'postgresql://127.0.0.1/any' } });
`;

/**
 * A folder with a client of Prisma in it. It is made from npm when it is wanted, as it is ten times as large as all else that the
 * tests need.
 */
export async function prismaFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'coordination-prisma-'));
  await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true }));
  await writeFile(join(folder, 'schema.prisma'), SCHEMA);
  await writeFile(join(folder, 'prisma.config.ts'), CONFIG);
  await run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', ...PACKAGES], { cwd: folder });
  // The engine of migrations is downloaded otherwise; nothing here migrates.
  const env = { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath };
  await run('npx', ['prisma', 'generate'], { cwd: folder, env });
  return folder;
}
