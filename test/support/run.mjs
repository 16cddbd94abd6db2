// Compiles a TypeScript program of the tests as they compile their fixtures, and runs it in a plain Node process.
//
//   node [flags of Node] test/support/run.mjs test/verify/soak/main.ts [arguments of the program]
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runnerImport } from 'vite';

const { module } = await runnerImport(fileURLToPath(new URL('fixture-build.ts', import.meta.url)), {
  configFile: false,
  logLevel: 'error',
});
const [program = '', ...args] = process.argv.slice(2);
const script = await module.compileFixture(resolve(program));
const flags = ['--enable-source-maps', ...process.execArgv];
const child = spawn(process.execPath, [...flags, script, ...args], { stdio: 'inherit' });
process.once('SIGTERM', () => child.kill('SIGTERM'));
child.once('exit', (code) => (process.exitCode = code ?? 1));
